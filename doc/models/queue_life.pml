/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The authors of dpdk-virtio
 */

/*
 * The life of one queue under what acts on it: virtio_queue.c, virtio_port.c, virtio_recovery.c,
 * virtio_watchdog.c, virtio_reclaim.c and virtio_link.c of drivers/net/virtio, and virtqueue_reset.c
 * of lib/virtio.
 *
 * Threads: the application's control thread stops and starts the queue and the port; the port's
 * worker recovers the queue, finds that a live ring is not served (the watchdog), takes a new
 * back-end and pauses the queue; a poller, which may find the ring broken at any burst; a device,
 * which writes to the ring as long as it has it, answers a stop in time, late or never, and may end.
 * The gate is one step here: gate.pml has its parts.
 *
 * What holds: while ethdev says STOPPED and no call of the application is under way, the device has
 * no buffers to write to; a pool that the application may free is not written by the device, and no
 * thread of the driver takes buffers of it; buffers return from a ring once; no thread uses the ring
 * beside another; a planned recovery does not start a queue that the application has stopped; no
 * thread waits for ever.
 *
 * With COMMANDS the device may refuse the command that names a receive queue, with TRANSMIT those that
 * change the number of pairs, and a pool may be for one thread, which excludes a recovery. In the
 * code that may be so for a receive queue too, without the gate. The watchdog of the code looks at
 * transmit queues only, and once; here it acts on any queue at any time.
 *
 * Each WITHOUT_ leaves out one part of the code. devtools/check-models.sh expects an error then.
 */

#ifndef APP_CALLS
#define APP_CALLS 3
#endif
#ifndef WORKER_ROUNDS
#define WORKER_ROUNDS 3
#endif
#ifndef BURSTS
#define BURSTS 2
#endif

#ifndef DEATHS
#define DEATHS 1
#endif

#define READY    0
#define LIVE     1
#define STOPPING 2
#define BROKEN   3

#define NO_ERROR    0
#define RING_BROKEN 1
#define UNSERVED    2

/* the queue */
byte state = READY;
bool gate_open, poller_in, control_in;
bool posted;  /* the ring has buffers of the pool */
bool in_pool = true; /* they are in their pool */
bool refills; /* bursts post buffers; not during a drain */
bool shown;   /* ethdev's state is STARTED */

/* struct virtio_recovery */
byte error; /* what was reported and not seen to */
bool due, recovering, stopped_by_app;

/* the port */
bool locked, running;
bool driver_ok; /* of the device's status */

/* the device */
bool up = true;         /* the connection */
bool quiet;             /* the 200 ms after the connection's end are over */
bool next_one;          /* another back-end waits to be taken */
bool has_ring;          /* the device may write to the ring and its buffers */
bool stop_asked, stop_proven, reset_asked, reset_proven;

/* the application */
bool in_call;
bool pool_freed = true; /* what it may have done with the pool since its last call */

inline lock()
{
#ifndef WITHOUT_LOCK
	atomic { !locked -> locked = true }
#else
	skip
#endif
}

inline unlock()
{
	locked = false
}

/* ---- the ring: virtqueue_reset.c ------------------------------------------------------------- */

inline wait_for_stop(ret)
{
	if
	:: atomic { stop_proven || quiet -> state = READY; ret = 0 }
	:: atomic { state = BROKEN; ret = 1 } /* the deadline, or the wait was cancelled */
	fi
}

inline virtqueue_stop(ret)
{
	if
	:: state == READY -> ret = 0
	:: else ->
		state = STOPPING;
		atomic { stop_asked = up && !stop_proven }
		wait_for_stop(ret)
	fi
}

/* Set-up and enable. An error: the device does not answer, or it has gone. */
inline enable_ring(ret)
{
	assert(state == READY);
	state = LIVE;
	atomic {
		stop_asked = false;
		stop_proven = false;
		has_ring = up
	}
	if
	:: up -> ret = 0
	:: ret = 1
	fi
}

inline virtqueue_start(ret)
{
	enable_ring(ret);
	if
	:: ret != 0 -> virtqueue_stop(ret); ret = 1
	:: else
	fi
}

/* ---- the queue: virtio_queue.c --------------------------------------------------------------- */

inline show_state()
{
#ifdef WITHOUT_PLAN_SHOWN
	shown = (state != READY)
#else
	shown = (state != READY || due || recovering)
#endif
}

inline fill()
{
	assert(!pool_freed && in_pool);
	in_pool = false;
	posted = true
}

inline reclaim()
{
	if
#ifdef WITHOUT_PROOF
	:: true ->
#else
	:: state == READY ->
#endif
		assert(!has_ring && !poller_in);
		if
		:: posted ->
			assert(!in_pool);
			in_pool = true;
#ifndef WITHOUT_EMPTY_RING
			posted = false
#endif
		:: else
		fi
	:: else
	fi
}

inline close_gate(failed)
{
	gate_open = false;
	if
	:: !poller_in -> failed = false
	:: poller_in -> failed = true
	fi
}

inline open_queue()
{
	due = false;
	stopped_by_app = false;
	refills = true;
	gate_open = true
}

inline resume()
{
	gate_open = true;
#ifndef WITHOUT_LOOK_AT_STATE
	if
	:: state != LIVE -> gate_open = false
	:: else
	fi
#endif
}

inline pause_and_resume()
{
	if
	:: state == LIVE && gate_open ->
		close_gate(failed);
		if
		:: !failed && state == LIVE ->
			control_in = true;
			assert(!poller_in && posted);
			control_in = false
		:: else
		fi;
		resume()
	:: else
	fi
}

inline queue_start(ret)
{
	if
	:: !driver_ok -> ret = 1
	:: else ->
		if
		:: state != READY -> ret = 1
		:: else ->
			fill();
			virtqueue_start(ret);
			if
			:: ret == 0
			:: else -> reclaim()
			fi;
			show_state()
		fi
	fi
}

/* leaves: a transmit queue leaves the pairs of the device, which may refuse that. */
inline queue_stop(ret, leaves)
{
	close_gate(failed);
	if
	:: failed -> ret = 1
#ifdef TRANSMIT
	:: !failed && leaves ->
		ret = 1;
		if
		:: state == LIVE -> resume() /* run_on() */
		:: else
		fi
#endif
	:: !failed ->
#ifdef DRAIN
		/* poll_on(): bursts take what is there, and post nothing. */
		drained = state == LIVE;
		if
		:: drained -> refills = false; resume()
		:: else
		fi;
#endif
		virtqueue_stop(ret);
#ifdef DRAIN
		if
		:: drained ->
			close_gate(failed);
			if
#ifndef WITHOUT_KEEP
			:: failed && (state == READY || state == BROKEN) -> state = BROKEN; ret = 1
#endif
			:: else
			fi
		:: else
		fi;
#endif
		if
		:: ret == 0 -> reclaim()
		:: else
		fi;
		show_state()
	fi
}

/*
 * start_and_join(): with COMMANDS the device may refuse the command that names the queue. A receive
 * queue is open before the command, a transmit queue (TRANSMIT) after it.
 */
inline start_and_join(ret)
{
	queue_start(ret);
	if
	:: ret == 0 ->
#ifdef TRANSMIT
		if
		:: open_queue()
		:: queue_stop(ret, false); ret = 1
		fi
#else
		open_queue();
#ifdef COMMANDS
		if
		:: true
		:: queue_stop(ret, false); ret = 1
		fi
#endif
#endif
	:: else
	fi
}

/* ---- the port: virtio_port.c, virtio_link.c -------------------------------------------------- */

inline reset_device(ret)
{
	reset_proven = false;
	atomic { reset_asked = up }
	if
	:: atomic { reset_proven || quiet ->
		state = READY;
		driver_ok = false;
		ret = 0 }
	:: atomic { state = BROKEN; ret = 1 }
	fi;
	reclaim()
}

inline take_down(ret)
{
#ifndef WITHOUT_FORGET
	due = false;
#endif
	close_gate(failed);
	if
	:: failed -> ret = 1
	:: else -> reset_device(ret)
	fi
}

inline bring_up(to_run, ret)
{
	if
	:: to_run -> fill()
	:: else
	fi;
	driver_ok = true;
	enable_ring(ret);
	if
	:: ret == 0 && !to_run -> virtqueue_stop(ret)
	:: else
	fi;
	if
	:: ret != 0 ->
		reset_device(failed)
	:: else ->
		reclaim_at_rest(to_run);
		if
		:: to_run -> open_queue()
		:: else
		fi
	fi
}

inline reclaim_at_rest(to_run)
{
	if
	:: !to_run -> reclaim()
	:: else
	fi
}

/* dev_stop() */
inline port_stop()
{
	lock();
	running = false;
	take_down(ret);
	show_state();
	assert(state != READY || !shown);
	unlock()
}

/* dev_start(); a deferred queue is not to run. */
inline port_start(to_run)
{
	lock();
	ret = 0;
	if
	:: driver_ok || state != READY -> take_down(ret)
	:: else
	fi;
	if
	:: ret == 0 && up ->
		bring_up(to_run, ret);
		running = ret == 0;
		show_state()
	:: ret == 0 && !up -> running = true; shown = to_run /* it waits for a back-end */
	:: else -> running = false; show_state()
	fi;
	unlock()
}

/* ---- threads ------------------------------------------------------------------------------------ */

/* What a call of the application gave back, it may free at once. */
inline free_pool_if_stopped()
{
	atomic {
		if
		:: !shown -> pool_freed = true; assert(in_pool && !poller_in)
		:: else
		fi
	}
}

proctype application()
{
	byte calls = APP_CALLS;
	bool ret, failed, drained, deferred;

	do
	:: atomic { calls > 0 -> calls--; in_call = true };
		if
		:: running && shown -> /* rte_eth_dev_rx_queue_stop() */
			lock();
			due = false;
			stopped_by_app = true;
			ret = 0;
			if
			:: state != READY -> queue_stop(ret, true)
			:: else
			fi;
			show_state();
			unlock();
			free_pool_if_stopped()
		:: running && !shown -> /* rte_eth_dev_rx_queue_start() */
			pool_freed = false;
			lock();
			due = false;
			if
			:: state != LIVE -> start_and_join(ret)
			:: else
			fi;
			show_state();
			unlock();
			free_pool_if_stopped()
		:: running ->
			port_stop();
			free_pool_if_stopped()
		:: !running ->
			if
			:: deferred = true
			:: deferred = false; pool_freed = false
			fi;
			port_start(!deferred);
			free_pool_if_stopped()
		fi;
		in_call = false;
		ret = 0;
		failed = false;
		drained = false;
		deferred = false
	:: calls == 0 -> break
	od
}

/* keep_watching(): the ring stays as it is. */
inline watch()
{
	if
	:: state == LIVE -> error = UNSERVED
	:: else
	fi
}

inline see_to_error()
{
	if
	:: atomic { error != NO_ERROR -> seen = error; error = NO_ERROR };
		if
#ifndef WITHOUT_STOPPED_BY_APP
		:: !stopped_by_app && (state == BROKEN || (seen == UNSERVED && state == LIVE)) ->
#else
		/* READY as well, as the application's stop comes first. */
		:: state == BROKEN || state == READY || (seen == UNSERVED && state == LIVE) ->
#endif
			due = true;
			show_state()
		:: else
		fi;
		seen = NO_ERROR
	:: else
	fi
}

/* is_for_one_thread(): the gate of a transmit queue is closed before its packets are looked at. */
inline look_at_pool(excluded)
{
	excluded = false;
#ifdef TRANSMIT
	close_gate(failed);
	if
	:: failed
	:: !failed
	:: !failed ->
		excluded = true;
		if
		:: state == LIVE -> resume()
		:: else
		fi
	fi
#endif
}

inline recover()
{
	if
	:: due && running && up ->
		look_at_pool(excluded);
		if
		:: excluded -> due = false; excluded = false; show_state()
		:: else ->
			recovering = true;
			ret = 0;
			if
			:: state != READY -> queue_stop(ret, true)
			:: else
			fi;
			if
			:: ret == 0 -> start_and_join(ret)
			:: else
			fi;
			recovering = false;
			if
			:: ret == 0 -> due = false
			:: else -> due = true; show_state() /* the next attempt */
			fi
		fi
	:: else
	fi
}

inline take_next_back_end()
{
	if
	:: next_one && !up ->
		to_run = shown;
		ret = 0;
		if
		:: driver_ok -> take_down(ret)
		:: else
		fi;
		if
		:: ret == 0 ->
			atomic { next_one = false; quiet = false; up = true };
			if
			:: running -> bring_up(to_run, ret)
			:: else
			fi;
			if
			:: ret == 0 -> show_state()
			:: else
			fi
		:: else
		fi
	:: else
	fi
}

proctype worker()
{
	byte rounds = WORKER_ROUNDS;
	byte seen;
	bool ret, failed, drained, to_run, excluded;

	do
	:: rounds > 0 ->
		rounds--;
		lock();
		see_to_error();
		if
		:: true -> recover()
		:: true -> take_next_back_end()
		:: true -> pause_and_resume()
		:: true -> watch()
		fi;
		unlock();
		ret = 0;
		failed = false;
		drained = false;
		to_run = false
	:: rounds == 0 -> break
	od
}

proctype poller()
{
	byte bursts = BURSTS;

	do
	:: bursts > 0 && gate_open ->
		bursts--;
		atomic { poller_in = gate_open }
		if
		:: poller_in ->
			assert(!control_in);
#ifndef DRAIN
			assert(state != READY);
#endif
			if
			:: refills -> assert(!pool_freed)
			:: else
			fi;
			if
			:: true
			:: atomic { state == LIVE -> state = BROKEN; error = RING_BROKEN }
				gate_open = false
			fi;
			assert(!control_in);
			poller_in = false
		:: else
		fi
	:: bursts == 0 -> break
	:: true -> break
	od
}

proctype device()
{
	byte deaths = DEATHS;

end:
	do
	:: has_ring && posted -> assert(!pool_freed)
	:: atomic { stop_asked -> stop_asked = false; has_ring = false; stop_proven = true }
	:: atomic { reset_asked ->
		reset_asked = false;
		stop_asked = false; /* requests are answered in their order */
		has_ring = false;
		reset_proven = true }
	:: atomic { up && deaths > 0 ->
		deaths--;
		up = false;
		stop_asked = false;
		reset_asked = false }
#ifdef ENDS_LATE
		quiet = true;
#endif
		if
		:: has_ring && posted -> assert(!pool_freed)
		:: true
		fi;
		atomic { has_ring = false; quiet = true }
		next_one = true
	od
}

proctype monitor()
{
end:
	atomic { !in_call && !shown && has_ring && posted -> assert(false) }
}

init {
	atomic {
		run monitor();
		run device();
		run application();
		run worker();
		run poller()
	}
	_nr_pr == 3; /* all have ended but the device and the monitor */
	assert(state != BROKEN || !gate_open)
}
