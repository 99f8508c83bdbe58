/*
 * One phone-number payment, for the model checker spin: terminal, switch, host, provider of the payout and the end of
 * the day. README.md beside this file says what is proved and how to run it.
 *
 * Durable state survives a crash of the switch. What is on the switch's sockets, and its timers, does not, unless it
 * is said. Every line may lose messages. The states are those of switch/transaction.go; the comments name the rules
 * that the switch keeps in code.
 *
 * Defining one of these gives the switch a rule less:
 *   SENDFIRST   a message leaves before the write that belongs to it
 *   NOTOMB      an undo for a debit never seen leaves no mark
 *   EARLY0400   an undo that meets the debit at the host is answered and forgotten
 *   LATEWINS    a late approval cancels the reversal that is owed
 *   TRACEONLY   the late answer to the debit is taken for the answer to the reversal
 *   NORECOVER   timers live in memory: after a crash nobody looks at a sent debit again
 *   GIVEUP      the reversal is given up after one try
 *   PAYEARLY    the payout follows the approval at once
 *   PAYTWICE    the provider has no key to know a payout by
 *   NODEDUP     a repeated debit is a new debit
 *   NOBATCH     the payout does not wait for the terminal's batch
 *   NORECON     nothing is compared with the host's list at settlement
 *   DEAF        the answer to the reversal is not heard
 * These make the world around it worse, or better:
 *   TWOCONN     the host may see the reversal before the debit: it has two connections
 *   HOSTTOMB    the host remembers a reversal for a debit never seen
 *   TERMTWO     the switch may see the undo before the debit
 *   FORGET      the terminal may forget an undo that it owes
 * And STRICT claims that nobody is ever needed to look at a payment, ENDS that the day always ends.
 */
#ifndef MAXCRASH
#define MAXCRASH 1
#endif
#ifndef MAXLOSS
#define MAXLOSS 2
#endif

mtype = { m0200, m0210ok, m0210no, m0400, m0410, h0200, h0210ok, h0210no, h0420, h0430 };
mtype = { none, sent, approved, declined, reversing, reversed, settled, paying, paid, tombstone };
mtype = { idle, waiting, revwait, slip, nopay, undone, forgot };

chan t2s = [2] of { mtype };
chan s2t = [2] of { mtype };
chan s2h = [3] of { mtype };
chan h2s = [3] of { mtype };

/* durable at the switch */
mtype st = none;
bool undowanted = false; /* an undo met the debit at the host */
bool exception = false; /* on the worklist: a person looks at it */
bool confirmed = false; /* the terminal's batch lists it */
bool payowed = false;

/* volatile at the switch */
bool watched = false;   /* a timer will look at st again */
byte tries = 0;
byte epoch = 0;
bool busy = false;      /* a handler is between its steps */
byte acklost = 0;

/* durable at the host and the provider */
byte debits = 0;
bool hostknows = false;
bool hosttomb = false;
bool hostyes = false;
byte payouts = 0;

/* terminal */
mtype ts = idle;
bool resent = false;
byte crashes = 0;
bool batchdone = false;
bool calm = false;      /* faults are over: messages are no longer lost, no more crashes */
bool settledonce = false;
bool done = false;

#define SEND(c, m) if :: nfull(c) -> c!m :: full(c) -> skip fi

inline lose(c) {
  /* the network loses one message of this channel */
  if :: nempty(c) -> c?_ :: empty(c) -> skip fi
}

active proctype terminal() {
end:
  do
  :: ts == idle -> atomic { SEND(t2s, m0200); ts = waiting }
  :: atomic { ts == waiting && s2t?[m0210ok] -> s2t?m0210ok; ts = slip }
  :: atomic { ts == waiting && s2t?[m0210no] -> s2t?m0210no; ts = nopay }
  :: atomic { ts == waiting && !resent && !calm -> resent = true; SEND(t2s, m0200) }
  :: atomic { ts == waiting && empty(s2t) -> ts = revwait; SEND(t2s, m0400) }      /* 60 s passed, or power came back */
  :: atomic { ts == revwait && s2t?[m0410] -> s2t?m0410; ts = undone }
  :: atomic { ts == revwait && s2t?[m0210ok] -> s2t?m0210ok }   /* too late: the reversal stands */
  :: atomic { ts == revwait && s2t?[m0210no] -> s2t?m0210no }
  :: atomic { ts == revwait && empty(t2s) && empty(s2t) -> SEND(t2s, m0400) }      /* repeat */
#ifdef FORGET
  :: ts == revwait -> ts = forgot
#endif
  :: atomic { (ts == slip || ts == nopay || ts == undone || ts == forgot) && nempty(s2t) -> s2t?_ }
  :: done -> break
  od
}

/*
 * The switch. In every step the durable write (WR) comes before the send (SD). A handler that a crash has overtaken, so
 * that its epoch is old, does nothing more.
 */

#ifdef NODEDUP
#define FRESH    (st == none || st == sent || st == approved || st == declined)
#define ANSWERNO (st == tombstone || st == reversing || st == reversed)
#define ANSWEROK (st == settled || st == paying || st == paid)
#else
#define FRESH    (st == none)
#define ANSWERNO (st == tombstone || st == reversing || st == reversed || st == declined)
#define ANSWEROK (st == approved || st == settled || st == paying || st == paid)
#endif
#define WR(x)    atomic { if :: e == epoch -> x :: else -> skip fi }
#define SD(c, m) atomic { if :: e == epoch -> SEND(c, m) :: else -> skip fi }

inline oweReversal() { st = reversing; watched = true; tries = 0 }

active proctype sw() {
  byte e;
end:
  do
  :: atomic { t2s?[m0200] -> t2s?m0200; e = epoch; busy = true };
     if
     :: FRESH ->
#ifdef SENDFIRST
        SD(s2h, h0200); WR(st = sent; watched = true)
#else
        WR(st = sent; watched = true); SD(s2h, h0200)
#endif
     :: ANSWERNO -> SD(s2t, m0210no)
     :: ANSWEROK -> SD(s2t, m0210ok)
     :: else -> skip /* the host still works: stay silent */
     fi; busy = false
#ifdef TERMTWO
  /* it came on another line, or handlers run side by side */
  :: atomic { t2s??[m0400] -> t2s??m0400; e = epoch; busy = true };
     goto rev
#endif
  :: atomic { t2s?[m0400] -> t2s?m0400; e = epoch; busy = true };
rev: if
     :: st == none ->
#ifndef NOTOMB
        WR(st = tombstone);
#endif
        SD(s2t, m0410)
     :: st == sent ->
#ifndef EARLY0400
        WR(undowanted = true);
#endif
        SD(s2t, m0410)
     :: st == approved -> WR(oweReversal()); SD(s2t, m0410)
     :: st == settled || st == paying || st == paid -> WR(exception = true); SD(s2t, m0410)
     :: else -> SD(s2t, m0410)
     fi; busy = false
  :: atomic { h2s?[h0210ok] -> h2s?h0210ok; e = epoch; busy = true };
     if
     :: st == sent && !undowanted ->
#ifdef SENDFIRST
        SD(s2t, m0210ok); WR(st = approved)
#else
#ifdef PAYEARLY
        WR(st = paying; payowed = true);
#else
        WR(st = approved);
#endif
        SD(s2t, m0210ok)
#endif
     :: st == sent && undowanted -> WR(oweReversal())
     :: st == reversing ->
#ifdef LATEWINS
        WR(st = approved)
#else
#ifdef TRACEONLY
        WR(st = reversed)
#else
        skip
#endif
#endif
     :: else -> skip
     fi; busy = false
  :: atomic { h2s?[h0210no] -> h2s?h0210no; e = epoch; busy = true };
     if
     :: st == sent && !undowanted -> WR(st = declined); SD(s2t, m0210no)
     :: st == sent && undowanted -> WR(st = declined)
     :: else -> skip
     fi; busy = false
  :: atomic { h2s?[h0430] -> h2s?h0430;
#ifdef DEAF
       skip
#else
       if :: st == reversing -> st = reversed :: else -> skip fi
#endif
     }
  /* the host deadline passes: 40 s, so any time */
  :: atomic { st == sent && watched -> e = epoch; busy = true };
     if
     :: undowanted -> WR(oweReversal())
     :: else -> WR(oweReversal()); SD(s2t, m0210no)
     fi; busy = false
  /* the reversal timer: only when nothing of ours is under way, to bound the model */
  :: atomic { st == reversing && watched && !(s2h??[h0420]) && !(h2s??[h0430]) ->
#ifdef GIVEUP
       if
       :: tries >= 1 -> st = reversed
       :: else -> tries++; SEND(s2h, h0420)
       fi
#else
       SEND(s2h, h0420)
#endif
     }
  /* the payout timer: the provider executes, its acknowledgement may be lost, then it is asked again */
  :: atomic { st == paying && payowed ->
#ifdef PAYTWICE
       if :: payouts < 2 -> payouts++ :: else -> skip fi;
#else
       payouts = 1;
#endif
       if
       :: st = paid; payowed = false
       :: acklost < 1 -> acklost++
       fi
     }
  :: done -> break
  od
}

/*
 * A crash takes what is in memory and on the switch's sockets; the process starts again at once. It comes between any
 * two steps of the switch, also between a write and the send that belongs to it.
 */
active proctype crash() {
  do
  :: atomic { crashes < MAXCRASH && !calm ->
       crashes++;
       epoch++;
       watched = false;
       do :: nempty(t2s) -> t2s?_ :: empty(t2s) -> break od;
       do :: nempty(s2t) -> s2t?_ :: empty(s2t) -> break od;
       do :: nempty(h2s) -> h2s?_ :: empty(h2s) -> break od;
       if
       :: do :: nempty(s2h) -> s2h?_ :: empty(s2h) -> break od
       :: skip /* what left before the crash arrives */
       fi;
#ifndef NORECOVER
       if
       :: st == sent -> st = reversing; watched = true
       :: st == reversing -> watched = true
       :: else -> skip
       fi
#endif
     }
  :: calm || crashes >= MAXCRASH -> break
  od
}

inline hostReverse() {
  if
  :: hostknows -> debits = 0
  :: else ->
#ifdef HOSTTOMB
     hosttomb = true
#else
     skip
#endif
  fi;
  SEND(h2s, h0430)
}

active proctype host() {
end:
  do
#ifdef TWOCONN
  :: atomic { s2h??[h0420] -> s2h??h0420; hostReverse() }  /* the second connection overtakes */
#endif
  :: atomic { s2h?[h0420] -> s2h?h0420; hostReverse() }
  :: atomic { s2h?[h0200] -> s2h?h0200;
       if
       :: hosttomb -> SEND(h2s, h0210no)
       :: !hosttomb && hostknows ->
#ifdef NODEDUP
          if :: debits < 2 -> debits++ :: else -> skip fi; /* another trace number: another debit */
#endif
          if :: hostyes -> SEND(h2s, h0210ok) :: else -> SEND(h2s, h0210no) fi
       :: !hosttomb && !hostknows ->
          hostknows = true;
          if
          :: hostyes = true; debits = 1; SEND(h2s, h0210ok)
          :: hostyes = false; SEND(h2s, h0210no)
          fi
       fi
     }
  :: done -> break
  od
}

active proctype network() {
  byte n = 0;
  do
  :: atomic { n < MAXLOSS && !calm -> n++;
       if
       :: lose(t2s)
       :: lose(s2t)
       :: lose(s2h)
       :: lose(h2s)
       fi
     }
  :: n >= MAXLOSS || calm -> break
  od
}

/*
 * The end of the day: faults stop, everything drains, the terminal's batch arrives, the host's list is compared, and
 * payouts run.
 */
active proctype day() {
  calm = true;
  /* everything has settled: no message, no timer that could still act */
  (!busy && ts != idle && ts != waiting && ts != revwait && empty(t2s) && empty(s2t) && empty(s2h) && empty(h2s) &&
    !(st == sent && watched) && !(st == reversing && watched));
  atomic {
    batchdone = true;
#ifndef NOBATCH
    if
    :: st == approved && ts == slip -> confirmed = true
    :: st == approved && ts != slip -> st = reversing; watched = true
    :: st != approved && st != settled && st != paying && st != paid && ts == slip -> exception = true
    :: else -> skip
    fi
#else
    confirmed = true
#endif
  };
  (!busy && !(st == reversing && watched) && empty(s2h) && empty(h2s));
  atomic {
#ifndef NORECON
    if
    :: st == approved && debits > 0 && confirmed -> st = settled
    :: st == approved && debits == 0 -> exception = true
    :: st != approved && st != settled && st != paying && st != paid && debits > 0 -> exception = true
    :: else -> skip
    fi;
#else
    if :: st == approved && confirmed -> st = settled :: else -> skip fi;
#endif
    if :: st == settled && !exception -> st = paying; payowed = true :: else -> skip fi;
    settledonce = true
  };
  (st != paying);
  done = true;
  /* the claims */
  assert(st != sent && st != reversing);                                   /* nothing is left hanging */
  assert(debits <= 1);
  assert(payouts <= 1);
  assert(!(payouts == 1 && debits == 0));                                  /* never paid out without a debit */
  assert(!(ts == slip) || (debits == 1 && payouts == 1) || exception);     /* a slip is honoured or listed */
  assert((ts == slip) || debits == 0 || exception);                        /* no slip: not debited, undone or listed */
  assert((ts == slip) || payouts == 0 || exception);
#ifdef STRICT
  assert(!exception);                                                      /* all heals without people */
#endif
}

#ifdef ENDS
ltl ends { <> done }
#endif
