/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The authors of dpdk-virtio
 */

/*
 * The gate of a queue: drivers/net/virtio/virtio_gate.h and virtio_gate.c, with pause and resume of
 * virtio_queue.c and virtio_queue_set_broken() of virtio_rxtx_common.h.
 *
 * Processors are those of x86-TSO: stores of a polling thread go through a buffer, first in, first
 * out, and a load may be done before them. The control thread and the thread that enrols a
 * secondary process execute a full barrier after each store that others read, so their stores are
 * immediate here. doc/litmus has the weaker order of arm64.
 *
 * Threads: the primary's poller; with SECONDARY a poller of another process, which polls first and
 * may be killed at any step; a query; the control thread, which stops and starts the queue, and
 * pauses it. With REFUSED the kernel may refuse membarrier(2) at any call.
 *
 * What holds: a poller and the control thread never use the ring at the same time; no poller uses
 * a ring in which another process was killed; a ring that its poller set broken has a closed gate;
 * a live queue has an open gate unless a stop failed.
 *
 * Each WITHOUT_ leaves out one part of the code. devtools/check-models.sh expects an error then.
 */

#ifndef BURSTS
#define BURSTS 2
#endif
#ifndef CONTROL_CALLS
#define CONTROL_CALLS 3
#endif

#define CLOSED 0
#define OPEN   1
#define FENCED 2
#define SHARED 3

#define READY  0
#define LIVE   1
#define BROKEN 2

#define PRIMARY   1
#define OF_SECOND 2

/* struct virtio_gate as memory has it */
byte open = CLOSED;
byte inside, process, visitors;

/* of the control thread alone */
bool unfenced, unproven, occupied, abandoned;
bool have_membarrier = true;

byte state = READY; /* of the ring */
bool alone = true;  /* no secondary process was enrolled */

/* Who uses the ring, and whether a killed process left it inconsistent: for the assertions. */
bool primary_in, second_in, query_in, control_in, torn;
bool second_ended, second_done, stop_failed;

/* Store buffers: a name and a value. STORE_ANY is the store that clears inside and process. */
mtype = { STORE_INSIDE, STORE_PROCESS, STORE_ANY, STORE_OPEN };
chan primary_buffer = [4] of { mtype, byte };
chan second_buffer = [4] of { mtype, byte };

inline make_visible(name, value)
{
	if
	:: name == STORE_INSIDE -> inside = value
	:: name == STORE_PROCESS -> process = value
	:: name == STORE_ANY -> inside = 0; process = 0
	:: name == STORE_OPEN -> open = value
	fi
}

proctype memory_of(chan buffer)
{
	mtype name;
	byte value;
end:
	do
	:: atomic { buffer?name,value; make_visible(name, value); value = 0 }
	od
}

inline full_fence(buffer)
{
	empty(buffer)
}

/* ---- polling threads -------------------------------------------------------------------------- */

/* virtio_gate_enter_shared() */
inline enter_shared(buffer, self, in)
{
	atomic {
		if
		:: buffer??[STORE_ANY,0] -> seen = 0
		:: else -> seen = process
		fi
	}
#ifdef WITHOUT_LOOK_AT_PROCESS
	seen = 0;
#endif
	if
	:: seen != 0 && seen != self -> buffer!STORE_INSIDE,0
	:: else ->
		buffer!STORE_PROCESS,self;
#ifndef WITHOUT_FENCE
		full_fence(buffer);
#endif
		atomic {
			if
			:: buffer??[STORE_OPEN,CLOSED] -> seen = CLOSED
			:: else -> seen = open
			fi;
			in = seen != CLOSED
		}
		if
		:: in
		:: else -> buffer!STORE_ANY,0
		fi
	fi;
	seen = 0
}

/* A burst, which may find the ring broken. */
inline burst(buffer, in)
{
	assert(!control_in && !torn && state != READY);
	if
	:: true
	:: true ->
		/* virtqueue_set_broken() is a compare and exchange. */
		atomic {
			full_fence(buffer);
			state = (state == LIVE -> BROKEN : state)
		}
#ifndef WITHOUT_CLOSE_INSIDE
		buffer!STORE_OPEN,CLOSED
#endif
	fi;
	assert(!control_in);
	atomic { in = false; buffer!STORE_ANY,0 } /* virtio_gate_leave() */
}

proctype primary_poller()
{
	byte bursts = BURSTS, seen;

	/* One thread at a time polls a queue (ethdev's rule). */
	(second_done || second_ended) && empty(second_buffer);
	do
	:: bursts > 0 ->
		bursts--;
		primary_buffer!STORE_INSIDE,1; /* virtio_gate_enter() */
		atomic {
			if
			:: primary_buffer??[STORE_OPEN,CLOSED] -> seen = CLOSED
			:: else -> seen = open
			fi;
			primary_in = seen == OPEN
		}
		if
		:: primary_in
		:: else -> enter_shared(primary_buffer, PRIMARY, primary_in)
		fi;
		if
		:: primary_in -> burst(primary_buffer, primary_in)
		:: else
		fi;
		seen = 0
	:: bursts == 0 -> break
	od
}

proctype second_poller()
{
	byte bursts = BURSTS, seen;

	{
		do
		:: bursts > 0 ->
			bursts--;
			enter_shared(second_buffer, OF_SECOND, second_in);
			if
			:: second_in -> burst(second_buffer, second_in)
			:: else
			fi
		:: bursts == 0 -> break
		od;
		second_done = true
	} unless { second_ended }
}

proctype killer()
{
	atomic {
		torn = second_in;
		second_in = false;
		second_ended = true
	}
}

/* virtio_gate_enter_query(): atomic additions, which are full barriers. */
proctype query()
{
	visitors++;
	atomic { query_in = open != CLOSED }
	if
	:: query_in -> assert(!control_in); query_in = false
	:: else
	fi;
	visitors--
}

/* ---- control calls ---------------------------------------------------------------------------- */

/* take_out_ended(): the number counts as ended once the last stores of the process are visible. */
#define HAS_ENDED (process == OF_SECOND && second_ended && empty(second_buffer))

/*
 * The look for other processes and the store are one step for virtio_gate_share(), by the lock that
 * both take.
 */
#ifdef WITHOUT_LOCK
#define BEGIN_LOCKED
#define END_LOCKED
#else
#define BEGIN_LOCKED atomic {
#define END_LOCKED }
#endif

inline open_gate()
{
	atomic {
		if
#ifdef WITHOUT_OCCUPIED
		:: HAS_ENDED -> inside = 0; process = 0
#else
		:: !occupied && HAS_ENDED -> inside = 0; process = 0
#endif
		:: else
		fi
	}
	BEGIN_LOCKED
		if
		:: !alone -> how = SHARED
		:: alone && have_membarrier -> how = OPEN; unfenced = true
		:: alone && !have_membarrier -> how = FENCED
		fi;
		open = how
	END_LOCKED
}

/* virtio_gate_share(): a compare and exchange. */
inline share_gate()
{
	atomic {
		if
		:: open == OPEN -> open = SHARED
		:: else
		fi
	}
}

#ifdef WITHOUT_UNFENCED
#define NEEDS_MEMBARRIER have_membarrier
#else
#define NEEDS_MEMBARRIER unfenced
#endif

inline close_gate(failed)
{
	open = CLOSED;
	failed = false;
	occupied = true;
	unproven = false;
	if
	:: !NEEDS_MEMBARRIER
	:: else ->
#ifndef WITHOUT_MEMBARRIER
		if
		:: atomic { empty(primary_buffer) -> unfenced = false }
#ifdef REFUSED
		:: atomic { have_membarrier = false; unproven = true; failed = true }
#endif
		fi
#endif
	fi;
	do
	:: failed -> break
	:: !failed && inside == 0 && process == 0 ->
		if
#ifdef WITHOUT_VISITORS
		:: true -> break
#else
		:: visitors == 0 -> break
		:: else
#endif
		fi
	:: atomic { !failed && HAS_ENDED ->
		inside = 0;
		process = 0;
		abandoned = true }
	:: !failed -> failed = true /* the deadline */
	od;
	occupied = failed
}

inline resume()
{
	open_gate();
#ifndef WITHOUT_LOOK_AT_STATE
	if
	:: state != LIVE -> open = CLOSED
	:: else
	fi
#endif
}

/* virtio_queue_stop() and virtio_queue_start() */
inline stop_and_start()
{
	close_gate(failed);
	stop_failed = failed;
	if
	:: failed
	:: else ->
		control_in = true;
		assert(!primary_in && !second_in && !query_in);
		state = READY;
		torn = false; /* the reclaim creates the ring anew */
		abandoned = false;
		assert(!primary_in && !second_in && !query_in);
		state = LIVE;
		control_in = false;
		open_gate()
	fi
}

/* virtio_queue_pause() and virtio_queue_resume() */
inline pause_and_resume()
{
	close_gate(failed);
	if
	:: !failed && state == LIVE && !abandoned ->
		control_in = true;
		assert(!primary_in && !second_in && !query_in && !torn);
		control_in = false;
		resume()
	:: else ->
		if
#ifndef WITHOUT_ABANDONED
		:: abandoned
#endif
		:: else -> resume()
		fi
	fi
}

/* EAL's thread for messages: a secondary process is enrolled, and learns it afterwards. */
proctype enrol()
{
	alone = false;
	share_gate();
	run second_poller();
	run killer()
}

active proctype control()
{
	byte calls = CONTROL_CALLS, how;
	bool failed;

	state = LIVE;
	open_gate();
	run memory_of(primary_buffer);
	run memory_of(second_buffer);
#ifdef SECONDARY
	run enrol();
#else
	second_done = true;
#endif
#ifdef QUERY
	run query();
#endif
	run primary_poller();
	do
	:: calls > 0 ->
		calls--;
		if
		:: stop_and_start()
		:: state == LIVE && open != CLOSED -> pause_and_resume()
		fi;
		failed = false
	:: calls == 0 -> break
	od;
	/* All others have ended, but for the two of the memory. */
	empty(primary_buffer) && empty(second_buffer) && _nr_pr <= 3;
	/* One that was killed before it closed the gate keeps others out by its number. */
	assert(state != BROKEN || open == CLOSED || process != 0);
	assert(state != LIVE || open != CLOSED || stop_failed || abandoned)
}
