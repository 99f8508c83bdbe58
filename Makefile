# Ringback: build, first run and checks. Only Go and gcc are needed (gcc for SQLite); lint wants staticcheck too.

GO ?= go
FUZZTIME ?= 5000x
TESTFLAGS ?=
ROUNDS ?= 200
SEEDS ?= 5010
EVENINGS ?= 5000
STACKSEEDS ?= $(shell expr $(SEEDS) / 10)
SEED ?= 1
PROGRAMS := ringbackd ringpos ringhost

.PHONY: build demo up test bench crash sim sim-long hostile model lint fuzz clean

build:
	$(GO) build -o bin/ $(PROGRAMS:%=./cmd/%)

# A whole day, from a payee's registration to his money, with a switch and a host of its own.
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
	$(GO) test -run 'Harvest|BusyShop|Forged|Mutated|Lying|Reset|HalfFrames|SlowLoris|Stalled|Crowd|Flood|HostLimit|Block|SignOn|Trace|WrongMAC|Rate|Turns|Address' -v ./terminal
	$(GO) test -run 'Canar|EveryBit|ForgedSignOn|Replay|BlockWhile|Clone|TLS|Alike' -v ./cmd/ringbackd
	$(GO) test -run '^$$' -bench 'Hostile|Refusals' -benchtime 1x -count 5 ./terminal ./cmd/ringbackd

# SEEDS runs of the simulated core, about 200 payments each: a million by default; EVENINGS days that are settled, about 30
# payments each; then STACKSEEDS, 12 payments each, of the full stack, whose database files stay in memory where that is possible. docs/reliability.md says what they are.
sim:
	SEEDS=$(SEEDS) GOGC=400 $(GO) test -count=1 -v -timeout 1h -run '^TestCoreSeeds$$' ./switch/sim
	EVENINGS=$(EVENINGS) GOGC=400 $(GO) test -count=1 -v -timeout 1h -run '^TestEveningSeeds$$' ./switch/sim
	if [ -w /dev/shm ]; then export TMPDIR=/dev/shm; fi; \
	SIMSEEDS=$(STACKSEEDS) $(GO) test -count=1 -v -timeout 1h -run '^TestStack(Seeds|Worlds)$$' ./switch/sim

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

# Every fuzz target in turn, FUZZTIME each: so many inputs (5000x), or so long (10m). A time can end in a failure without an
# input, "context deadline exceeded": golang/go#75804. A package is built once for all of its targets; what is found interesting is kept in
# Go's build cache.
fuzz:
	@tmp=$$(mktemp -d) && trap 'rm -rf "$$tmp"' EXIT && \
	for dir in $$(grep -rl --include='*_test.go' '^func Fuzz' . | xargs -n 1 dirname | sort -u); do \
		$(GO) test -c -fuzz=. -o "$$tmp/fuzz.test" "$$dir" || exit 1; \
		cache="$$($(GO) env GOCACHE)/fuzz/$$($(GO) list "$$dir")"; \
		for name in $$(grep -h '^func Fuzz' "$$dir"/*_test.go | sed 's/^func \(Fuzz[A-Za-z0-9]*\).*/\1/'); do \
			echo "fuzz $$dir $$name"; \
			(cd "$$dir" && "$$tmp/fuzz.test" -test.run '^$$' -test.fuzz "^$$name\$$" -test.fuzztime $(FUZZTIME) -test.fuzzcachedir "$$cache") || exit 1; \
		done; \
	done

clean:
	rm -rf bin
