#!/usr/bin/env bash
# Checks debit.pml: the design must hold in every world, and without any one of its rules it must fail. Prints a line a
# run and fails when a verdict is not the expected one.
set -euo pipefail
model="$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)/debit.pml"
for tool in spin gcc; do
	if ! command -v "$tool" >/dev/null; then
		echo "model: $tool is not installed, nothing was checked"
		exit 0
	fi
done
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
cd "$scratch"
wrong=0

# check EXPECTED NAME DEFINITION...: the definitions go to the model; ENDS asks for the liveness claim. A search that
# was cut short proves nothing and counts as neither verdict.
check() {
	local expected=$1 name=$2 verdict=unknown cc=(-O0 -DSAFETY) run=(-m1000000)
	shift 2
	if [[ $expected == holds ]]; then
		cc=(-O2 -DSAFETY) # all states are visited, which takes longer than compiling
	fi
	if [[ " $* " == *" ENDS "* ]]; then
		cc=(-O2 -DNFAIR=3)
		run+=(-a -f)
	fi
	spin -a "${@/#/-D}" "$model" >spin.out 2>&1 || { cat spin.out; exit 1; }
	gcc "${cc[@]}" -w -o pan pan.c
	./pan "${run[@]}" >pan.out || { cat pan.out; exit 1; }
	if grep -q 'errors: 1' pan.out; then
		verdict=fails
	elif grep -q 'errors: 0' pan.out && ! grep -qE 'max search depth|out of memory|Search not completed' pan.out; then
		verdict=holds
	fi
	printf '%-6s %-58s %9s states  %s\n' "$verdict" "$name" "$(awk '/states, stored/ {print $1; exit}' pan.out)" \
		"$(sed -n 's/^pan:1: \(.*\) (at depth.*/\1/p' pan.out)"
	if [[ $verdict != "$expected" ]]; then
		echo "model: expected that it $expected"
		wrong=1
	fi
}

check holds "the design: 2 losses, a crash"                       STRICT
check holds "the switch sees the undo before the debit"           STRICT TERMTWO
check holds "two host connections, the host remembers"            STRICT TWOCONN HOSTTOMB
check holds "two host connections, the host forgets: listed"      TWOCONN
check holds "the terminal forgets its undo as well"               TERMTWO TWOCONN HOSTTOMB FORGET
check holds "the same, 3 crashes and 6 losses"                    TERMTWO TWOCONN HOSTTOMB FORGET MAXCRASH=3 MAXLOSS=6
check holds "the day always ends (weak fairness)"                 ENDS

check fails "sent before written"                                 STRICT SENDFIRST
check fails "no mark for an early undo"                           NOTOMB NOBATCH TERMTWO
check fails "an undo during the host's work forgotten"            EARLY0400 NOBATCH
check fails "a late approval wins"                                STRICT LATEWINS
check fails "the answer to the debit taken for the reversal's"    STRICT TRACEONLY
check fails "timers in memory"                                    NORECOVER
check fails "the reversal given up"                               STRICT GIVEUP
check fails "paid out at the approval"                            STRICT PAYEARLY
check fails "a payout without a key"                              PAYTWICE
check fails "no recognition of repeats"                           NODEDUP
check fails "the terminal forgets, no batch is waited for"        FORGET NOBATCH
check fails "the host forgets, nothing is compared"               TWOCONN NORECON
check fails "the host forgets, nobody is ever needed"             STRICT TWOCONN
check fails "the answer to the reversal not heard"                ENDS DEAF
exit $wrong
