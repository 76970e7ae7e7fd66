/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The authors of dpdk-virtio
 */

/*
 * Locks, joins and call-backs of two ports: doc/design.md, "Threads and locks". virtio_ports.c,
 * virtio_worker.c and virtio_ethdev.c of drivers/net/virtio, vhost_user_mem.c of lib/virtio.
 *
 * Threads: the application's control thread; the worker of each port; a thread of the application
 * that allocates memory, or with TELEMETRY telemetry's and EAL's thread for messages. A call-back
 * makes a control call, or closes a port, which may be its own. A port is closed once.
 *
 * What holds: no thread waits for ever (a state in which none can go on is an error), one call-back
 * runs at a time, and no thread takes the lock of a port that has been freed.
 *
 * Each WITHOUT_ leaves out one part of the code. devtools/check-models.sh expects an error then.
 */

#ifndef CALLS
#define CALLS 2
#endif

#define PORTS  2
#define NOBODY 255

/* A worker that waits for its turn gives up when its port is being closed. */
#ifdef WITHOUT_GIVING_UP
#define MAY_GIVE_UP false
#else
#define MAY_GIVE_UP ending[me]
#endif

bool list_locked, memory_locked, calls_locked;
bool port_locked[PORTS], channel_locked[PORTS];

bool listed[PORTS];     /* virtio_ports.c knows the port */
bool is_closed[PORTS];  /* a close has begun: the application begins none again */
bool freed[PORTS];
bool controlled[PORTS]; /* by a thread of the application */
bool ending[PORTS];     /* struct virtio_worker */
bool has_ended[PORTS];  /* the worker's thread */
bool asked;             /* EAL's thread for messages is to answer */
byte calling = NOBODY;  /* the worker that is within a call-back */

inline take(a_lock)
{
	atomic { !a_lock -> a_lock = true }
}

/* Memory is allocated: EAL calls the memory event of a port with its own lock held. */
inline allocate()
{
	take(memory_locked);
	if
	:: take(channel_locked[0]); channel_locked[0] = false
	:: take(channel_locked[1]); channel_locked[1] = false
	fi;
	memory_locked = false
}

/* A control call, or what the worker does to its port. */
inline use_port(p)
{
	take(port_locked[p]);
	assert(!freed[p]);
#ifdef WITHOUT_ORDER
	take(channel_locked[p]);
	allocate();
	channel_locked[p] = false;
#else
	if
	:: true -> allocate()
	:: true -> take(channel_locked[p]); channel_locked[p] = false
#ifdef TELEMETRY
	:: atomic { !asked -> asked = true } !asked
#endif
	fi;
#endif
	port_locked[p] = false
}

/* virtio_port_close(); self is the port whose worker calls back on this thread. */
inline close_port(p, self)
{
	take(list_locked);
	listed[p] = false;
	list_locked = false;
#ifdef WITHOUT_UNLOCKED_JOIN
	take(port_locked[p]);
#endif
	/* virtio_worker_stop() */
	take(calls_locked);
	ending[p] = true;
	calls_locked = false;
#ifdef WITHOUT_SELF
	has_ended[p];
#else
	if
	:: p == self
	:: p != self -> has_ended[p]
	fi;
#endif
#ifdef WITHOUT_UNLOCKED_JOIN
	port_locked[p] = false;
#endif
	use_port(p);
	freed[p] = true
}

/*
 * What the application does on one of its threads: a control call of a port that no other thread
 * controls at the moment (ethdev's rule), or its close. A call-back may always use its own port.
 */
inline act(self)
{
	if
	:: atomic { !controlled[0] && !is_closed[0] -> p = 0; controlled[0] = true }
	:: atomic { !controlled[1] && !is_closed[1] -> p = 1; controlled[1] = true }
	:: self != NOBODY -> use_port(self)
	:: p = NOBODY
	fi;
	if
	:: p == NOBODY
	:: p != NOBODY -> use_port(p); controlled[p] = false
	:: p != NOBODY ->
		is_closed[p] = true;
		controlled[p] = false;
		close_port(p, self)
	fi;
	p = NOBODY
}

proctype control()
{
	byte calls = CALLS, p = NOBODY;

	do
	:: calls > 0 -> calls--; act(NOBODY)
	:: calls == 0 -> break
	od
}

proctype worker(byte me)
{
	byte rounds = CALLS, p = NOBODY;

	do
	:: rounds > 0 && !ending[me] ->
		rounds--;
		use_port(me);
		if
		:: true
		:: true ->
			/* call_back(): pthread_cond_wait() gives the lock back. */
			take(calls_locked);
			do
			:: ending[me] -> calls_locked = false; break
			:: calling != NOBODY && !ending[me] ->
				calls_locked = false;
				atomic { (calling == NOBODY || MAY_GIVE_UP) && !calls_locked ->
					calls_locked = true }
			:: calling == NOBODY && !ending[me] ->
				calling = me;
				calls_locked = false;
				act(me);
				take(calls_locked);
				assert(calling == me);
				calling = NOBODY;
				calls_locked = false;
				break
			od
		fi
	:: rounds == 0 || ending[me] -> break
	od;
	has_ended[me] = true
}

/* A thread of the application that allocates, or frees. */
proctype allocator()
{
	byte rounds = CALLS;

	do
	:: rounds > 0 -> rounds--; allocate()
	:: rounds == 0 -> break
	od
}

/* virtio_ports_lock() and virtio_ports_unlock() */
proctype telemetry()
{
	byte p;

	if
	:: p = 0
	:: p = 1
	fi;
	do
	:: true ->
		take(list_locked);
		if
		:: !listed[p] -> list_locked = false; break
#ifdef WITHOUT_TRYLOCK
		:: listed[p] ->
			take(port_locked[p]);
#else
		:: atomic { listed[p] && !port_locked[p] -> port_locked[p] = true }
#endif
			assert(!freed[p]);
			if
			:: true -> allocate()
			:: true
			fi;
			port_locked[p] = false;
			list_locked = false;
			break
#ifndef WITHOUT_TRYLOCK
		:: listed[p] && port_locked[p] -> list_locked = false
#endif
		fi
	od
}

/* EAL's thread for messages, for whose answer a control call waits: virtio_ports_visit(). */
proctype messages()
{
end:
	do
	:: asked -> take(list_locked); list_locked = false; asked = false
	od
}

init {
	atomic {
		listed[0] = true;
		listed[1] = true;
		run control();
		run worker(0);
		run worker(1);
#ifdef TELEMETRY
		run messages();
		run telemetry()
#else
		run allocator()
#endif
	}
}
