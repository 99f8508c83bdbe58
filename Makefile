# Ringback: build, first run and checks. Only Go and gcc are needed (gcc for SQLite); lint wants staticcheck too.

GO ?= go
FUZZTIME ?= 5s
TESTFLAGS ?=
ROUNDS ?= 200
SEEDS ?= 5010
SEED ?= 1
PROGRAMS := ringbackd ringpos ringhost

.PHONY: build demo up test bench crash sim sim-long hostile model lint fuzz clean

build:
	$(GO) build -o bin/ $(PROGRAMS:%=./cmd/%)

# One payment, both phases, against a switch and a host of its own.
demo: build
	./bin/ringpos demo

# Switch and host in the foreground, with the demo world, until SIGINT or SIGTERM. exec leaves no shell in between:
# make passes SIGTERM on to what it runs, a terminal sends SIGINT to both, and make waits for the end of ringbackd
# before it ends by the same signal itself.
up: build
	@exec ./bin/ringbackd up

test:
	@unformatted=$$(gofmt -l .) && if [ -n "$$unformatted" ]; then echo "run gofmt -w on:" $$unformatted; exit 1; fi
	$(GO) vet ./...
	$(GO) test -race -timeout 10m $(TESTFLAGS) ./...

bench:
	$(GO) test -run '^$$' -bench . -benchmem ./...

# Switch and host under load, killed ROUNDS times; then the books are compared.
crash: build
	./bin/ringpos crash --rounds $(ROUNDS) --seed $(SEED)

# Attacks in full number, which the race detector would stretch, and the measurements of docs/security.md.
hostile:
	$(GO) test -run 'Harvest|BusyShop|Forged|Mutated|Lying|Reset|HalfFrames|SlowLoris|Stalled|Crowd|Flood|HostLimit' -v ./terminal
	$(GO) test -run 'Canar|EveryBit|ForgedSignOn|Replay|BlockWhile|Alike' -v ./cmd/ringbackd
	$(GO) test -run '^$$' -bench 'Hostile|Refusals' -benchtime 1x -count 5 ./terminal ./cmd/ringbackd

# SEEDS runs of the simulated core, about 200 payments each: a million by default; then a tenth as many, 12 payments each, of
# the full stack, whose database files stay in memory where that is possible. docs/reliability.md says what they are.
sim:
	SEEDS=$(SEEDS) GOGC=400 $(GO) test -count=1 -v -timeout 1h -run '^TestCoreSeeds$$' ./switch/sim
	if [ -w /dev/shm ]; then export TMPDIR=/dev/shm; fi; \
	SIMSEEDS=$$(($(SEEDS) / 10)) $(GO) test -count=1 -v -timeout 1h -run '^TestStack(Seeds|Worlds)$$' ./switch/sim

# Ten million payments.
sim-long:
	SEEDS=50060 GOGC=400 $(GO) test -count=1 -v -timeout 4h -run '^TestCoreSeeds$$' ./switch/sim

# The protocol in the model checker spin; without spin it says so and is content.
model:
	./docs/model/run.sh

lint:
	@tool=$$(command -v staticcheck || echo "$$($(GO) env GOPATH)/bin/staticcheck"); \
	if [ -x "$$tool" ]; then "$$tool" ./...; \
	else echo "lint: staticcheck is not installed, nothing was checked"; fi

# Every fuzz target in turn, FUZZTIME each.
fuzz:
	@list=$$($(GO) test -list '^Fuzz' ./...) || { echo "$$list"; exit 1; }; \
	echo "$$list" | awk '/^Fuzz/ {name[n++] = $$1} /^ok/ {for (i = 0; i < n; i++) print $$2, name[i]; n = 0}' | \
	while read -r package name; do \
		echo "fuzz $$package $$name"; \
		$(GO) test -run '^$$' -fuzz "^$$name\$$" -fuzztime $(FUZZTIME) "$$package" || exit 1; \
	done

clean:
	rm -rf bin
