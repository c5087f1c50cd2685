# Two commands on a fresh machine: `make run` and `make test`. They need Python 3.11+ and make.
SHELL := /bin/sh
.DEFAULT_GOAL := help

# Any interpreter will do to begin with: local/bootstrap.py finds the best one and makes the rest.
ANY_PYTHON := $(shell for p in python3.13 python3.12 python3.11 python3 python; do \
  if $$p -c 'import sys; sys.exit(sys.version_info < (3, 8))' >/dev/null 2>&1; then echo $$p; break; fi; done)
ifeq ($(ANY_PYTHON),)
$(error Slotkeeper needs Python 3.11 to 3.13; none was found on PATH)
endif
export PYTHONPATH := $(CURDIR):$(CURDIR)/layers/common
# Where a machine keeps no bytecode, each process would compile all its libraries anew.
unexport PYTHONDONTWRITEBYTECODE
PY := $(ANY_PYTHON) local/bootstrap.py
# The scanners' environment is made when it is first needed: it is half a gigabyte.
LOADING := $(ANY_PYTHON) local/bootstrap.py --also load -m load
BENCHING := $(ANY_PYTHON) local/bootstrap.py --also bench -m bench
LOAD_OPTIONS = $(if $(HOST),--host "$(HOST)") $(if $(RATE),--rate "$(RATE)") $(if $(URI),--mongo-uri "$(URI)") \
  $(if $(SCENARIO),--scenario "$(SCENARIO)") $(if $(TOKENS),--tokens "$(TOKENS)") $(if $(CODES),--codes "$(CODES)") \
  $(if $(TOLERATE_503),--tolerate-503 "$(TOLERATE_503)")
SCANNING := $(ANY_PYTHON) local/bootstrap.py --also scan --also load --also bench --also browser
BROWSING := $(ANY_PYTHON) local/bootstrap.py --also browser
BIN := .local/venvs/dev/bin
# Several processes share the tests; each has servers of its own.
SHARED := -n $(or $(JOBS),3) --dist loadscope --no-loadscope-reorder

.PHONY: help
help: ## this list
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## (.*)/  make \1\t\2/' | expand -t 24

## ---- run it
.PHONY: run down demo demo-ops watch token tokens inbox logs clean
.PHONY: backup drill
.PHONY: locks outbox drain slow seed go-live dlq redrive set-aside export-person erase-person audit-head providers unlock
run: ## TOPOLOGY=single|ha|cluster PAYMENT=none|simulator TRACING=http://127.0.0.1:4318: set everything up and bring the system up, ready to use
	@$(PY) -m local up
down: ## stop what `make run` started; data stays
	@$(PY) -m local down
demo: ## a narrated booking against the running system; fails if an answer is not as promised
	@$(PY) -m local demo
demo-ops: ## three incidents on the running system: alarm, runbook, fix; fails if one is not as promised
	@$(PY) -m local demo-ops
watch: ## which alarms of the running system are in ALARM, with their runbooks, until Ctrl-C
	@$(PY) -m local watch
token: ## USER=alice ROLE=patient: an access token
	@$(PY) -m local token --user "$(USER)" --role "$(or $(ROLE),patient)"
tokens: ## COUNT=200 ROLE=patient: fresh users, one JSON object a line
	@$(PY) -m local tokens --count "$(or $(COUNT),1)" --role "$(or $(ROLE),patient)"
inbox: ## TO=+15550100: what was really sent, oldest first (without TO: to all)
	@$(PY) -m local inbox $(if $(TO),--to "$(TO)")
logs: ## FN=hold_slot: a function's log
	@$(PY) -m local logs --function "$(FN)"
dlq: ## QUEUE=notifications|schedules: messages that failed for good, of the running system
	@$(PY) -m ops dlq show --stack .local/stack.json --queue "$(or $(QUEUE),notifications)"
redrive: ## QUEUE=...: bring them back, once what they failed for is mended
	@$(PY) -m ops dlq redrive --stack .local/stack.json --queue "$(or $(QUEUE),notifications)"
set-aside: ## RETRY=ID: documents that could not be read; put one back
	@$(PY) -m ops set-aside $(if $(RETRY),retry "$(RETRY)",list) --stack .local/stack.json
export-person: ## ID=...: all that is held about a person of the running system, a JSON object a page
	@$(PY) -m ops export --user "$(ID)" --stack "$(or $(SLOTKEEPER_STATE),.local)/stack.json"
erase-person: ## ID=... DRY=1 CANCEL=1: forget them (docs/privacy.md); only say so; cancel what is to come
	@$(PY) -m ops erase --user "$(ID)" $(if $(DRY),--dry-run) $(if $(CANCEL),--cancel) \
	  --stack "$(or $(SLOTKEEPER_STATE),.local)/stack.json"
locks: ## DOCTOR=ID RELEASE=SLOT REASON=... DRY=1: who has which slot of the running system; let one go by force
	@$(PY) -m ops locks $(if $(RELEASE),release "$(RELEASE)" $(if $(REASON),--reason "$(REASON)") $(if $(DRY),--dry-run),\
	  list $(if $(DOCTOR),--doctor "$(DOCTOR)")) --stack "$(or $(SLOTKEEPER_STATE),.local)/stack.json"
outbox: ## what waits in the outbox of the running system, and for how long
	@$(PY) -m ops outbox status --stack "$(or $(SLOTKEEPER_STATE),.local)/stack.json"
drain: ## SECONDS=600: wait until everything that is to be told has been told
	@$(PY) -m ops drain $(if $(SECONDS),--seconds "$(SECONDS)") --stack "$(or $(SLOTKEEPER_STATE),.local)/stack.json"
slow: ## ON=1 OFF=1 MS=100: slow statements of the running system's MongoDB, explained
	@$(PY) -m ops slow $(if $(ON),--on) $(if $(OFF),--off) --ms "$(or $(MS),100)" --stack "$(or $(SLOTKEEPER_STATE),.local)/stack.json"
seed: ## DOCTORS=3 DAYS=30 DRY=1: demo doctors and free slots for the running system
	@$(PY) -m ops seed --doctors "$(or $(DOCTORS),3)" --days "$(or $(DAYS),30)" $(if $(DRY),--dry-run) --stack "$(or $(SLOTKEEPER_STATE),.local)/stack.json"
go-live: ## what the running system lacks before patients may come, as far as one machine can have it
	@$(PY) -m local token --user go-live --role patient | \
	  $(PY) -m ops go-live --local --token-file - --stack "$(or $(SLOTKEEPER_STATE),.local)/stack.json"
audit-head: ## the newest block of the audit log's chain, to be kept elsewhere; URI=mongodb://...: another system's
	@$(PY) -m ops audit head $(if $(URI),--mongo-uri "$(URI)",--stack .local/stack.json)
providers: ## how the providers of SMS and email do; TO=none|sns|deployed REASON=...: switch SMS (DRY=1 says what would be)
	@$(PY) -m ops providers $(if $(TO),switch sms --to "$(TO)" --reason "$(REASON)" $(if $(DRY),--dry-run),status) --stack .local/stack.json
unlock: ## USER=alice: let a user be sent codes again, who sent too many wrong ones
	@$(PY) -m ops unlock "$(USER)" --stack .local/stack.json
backup: ## DIR=...: the running system's database, as of one instant, into a new directory
	@$(PY) -m ops backup --to "$(DIR)" --stack "$(or $(SLOTKEEPER_STATE),.local)/stack.json"
drill: ## FROM=DIR: restore a backup (a new one of the running system) into a fresh database, check it: RPO, RTO
	@$(PY) -m ops drill $(if $(FROM),--from "$(FROM)") --stack "$(or $(SLOTKEEPER_STATE),.local)/stack.json"
clean: ## stop everything and remove .local with all its data
	@$(PY) -m local clean

## ---- check it
.PHONY: test lint check-style check-types check-template scan audit sbom reproducible format
.PHONY: test-unit test-integration test-race races test-crash crash-pairs crash-boundaries
.PHONY: tracing-cost model fuzz test-e2e test-browser screenshots bench peers
.PHONY: test-cluster test-chaos chaos check load soak
test: lint ## JOBS=3: set everything up and run everything CI runs, some 18 minutes on two cores
	@$(BROWSING) -m local.chromium >/dev/null
	@$(PY) -m tests.both $(SHARED)
lint: ## style, types, import rules, template, and every scanner that needs no network
	@$(SCANNING) -c ""
	@$(MAKE) -s -j2 --output-sync=target scan check-types check-style check-template
check-style:
	@$(PY) -m ruff check .
	@$(PY) -m ruff format --check .
	@$(BIN)/lint-imports --no-logo 2>/dev/null || $(BIN)/lint-imports
check-types:
	@$(PY) -m mypy
# With --lint, it is cfn-lint that judges.
check-template:
	@SAM_CLI_TELEMETRY=0 .local/venvs/sam/bin/sam validate --lint --region us-east-1
scan: ## bandit, semgrep by our rules, checkov, detect-secrets, minimum versions, locks, licences
	@$(SCANNING) -m security scan
audit: ## ask the advisory database about every pinned package; fails where it cannot be reached
	@$(SCANNING) -m security audit
sbom: ## bills of materials of the layers and the whole (CycloneDX), into .local/sbom
	@$(SCANNING) -m security sbom
reproducible: ## build the layers as if on two machines and compare them byte for byte
	@$(SCANNING) -m security reproducible
format: ## put the code in shape
	@$(PY) -m ruff check --fix-only .
	@$(PY) -m ruff format .
test-unit: ## rules alone, no server
	@$(PY) -m pytest tests/unit tests/template
test-integration: ## against a real mongod and Valkey
	@$(PY) -m pytest tests/integration
test-race: ## races with their negative controls
	@$(PY) -m pytest tests/concurrency
races: ## ROUNDS=500: the same for long, so many rounds of each race and as many stories of a slot
	@RACE_ROUNDS="$(or $(ROUNDS),200)" $(PY) -m pytest tests/concurrency -s
test-crash: ## every function, cut at every boundary between two effects (`make test`: a fourth of them each day)
	@CRASH=every $(PY) -m pytest tests/crash
crash-pairs: ## the same at both sides of every effect, and all pairs of cuts (long)
	@CRASH=full $(PY) -m pytest tests/crash
crash-boundaries: ## write down anew which effects there are, after looking at what is new
	@CRASH=write $(PY) -m pytest tests/crash/test_matrix.py -k "made_good"
test-cluster: ## the integration tests and races on a Cluster and a replica set of three
	@SLOTKEEPER_TOPOLOGY=cluster $(PY) -m pytest tests/integration tests/concurrency
model: ## HISTORIES=1000 SEED=...: random histories against the model; prints its seed
	@SLOTKEEPER_MODEL_HISTORIES="$(or $(HISTORIES),1000)" \
	  SLOTKEEPER_MODEL_SEED="$(or $(SEED),$(shell date +%s))" \
	  $(PY) -m pytest tests/model/test_bookings_machine.py -s
fuzz: ## SEED=...: more than 20,000 requests that nobody thought of, and what is left after them; prints its seed
	@SLOTKEEPER_FUZZ=long SLOTKEEPER_FUZZ_SEED="$(or $(SEED),$(shell date +%s))" \
	  $(PY) -m pytest tests/fuzz tests/e2e/test_fuzz.py -s -q
tracing-cost: ## ROUNDS=200: what tracing costs a request, off and on
	@TRACING_ROUNDS="$(or $(ROUNDS),200)" $(PY) -m pytest tests/integration/test_traces.py -k it_costs -s -q
test-e2e: ## over HTTP against a deployed stack of its own
	@$(PY) -m pytest tests/e2e
test-browser: ## the pages in a real Chromium, against a deployed stack of its own; pictures in .local/browser
	@$(BROWSING) -m local.chromium >/dev/null
	@$(PY) -m pytest tests/browser
screenshots: ## make the README's pictures (docs/images) anew
	@$(BROWSING) -m local.chromium >/dev/null
	@SCREENSHOTS=write $(PY) -m pytest tests/browser/test_pictures.py -q
check: ## read the running system for broken invariants; HEAD=N:HASH; URI=mongodb://... REDIS=redis://... ENVIRONMENT=prod: another
	@$(PY) -m ops check $(if $(URI),--mongo-uri "$(URI)",--stack "$(or $(SLOTKEEPER_STATE),.local)/stack.json") \
	  $(if $(REDIS),--redis-url "$(REDIS)") $(if $(ENVIRONMENT),--environment "$(ENVIRONMENT)") \
	  $(if $(HEAD),--audit-head "$(HEAD)")
test-chaos: ## the short chaos: some faults under load, a minute
	@$(PY) -m pytest tests/chaos
chaos: ## TOPOLOGY=ha|cluster|single MINUTES=10 SEED=...: every fault under load, and the verdict
	@$(PY) -m chaos --topology $(or $(TOPOLOGY),ha) --minutes $(or $(MINUTES),10) \
	  $(if $(SEED),--seed $(SEED)) $(if $(MARKDOWN),--markdown $(MARKDOWN)) $(if $(JSON),--json $(JSON))
load: ## PEAK=10 users RATE=1 MINUTES=3 HOST=... SCENARIO=all|booking|contention|browse: ramp to 3x the peak (docs/load.md)
	@$(LOADING) ramp --users "$(or $(PEAK),10)" --minutes "$(or $(MINUTES),3)" $(LOAD_OPTIONS)
soak: ## USERS=10 RATE=1 MINUTES=480: steady load; fails if memory, connections or the queue grow all the time
	@$(LOADING) soak --users "$(or $(USERS),10)" --minutes "$(or $(MINUTES),480)" $(LOAD_OPTIONS)

bench: ## ONLY=cold,warm,... SHORT=1 WRITE=1: cold starts, requests and growth beside their floors (docs/performance.md)
	@$(BENCHING) $(if $(ONLY),--only "$(ONLY)") $(if $(SHORT),--short) $(if $(WRITE),--write)
peers: ## PEER=DIR ADAPTER=FILE.toml: the same work on a peer's checkout and on this (docs/performance.md)
	@$(PY) -m bench.peers --checkout "$(PEER)" --adapter "$(ADAPTER)"

## ---- ship it
.PHONY: deploy release rollback rollback-drill cost build indexes roles lock openapi
deploy: ## ENV=dev|staging|prod: build, and deploy to the AWS account you are signed in to (docs/release.md); PARAMETERS='A=b'; DRY=1
	@$(PY) -m local deploy --environment "$(ENV)" --parameters "$(PARAMETERS)" $(if $(DRY),--dry-run)
release: ## ENV=prod: which versions serve; without ENV, those of the running local system
	@$(PY) -m ops release show $(if $(ENV),--stack-name "slotkeeper-$(ENV)",--stack "$(or $(SLOTKEEPER_STATE),.local)/stack.json")
rollback: ## ENV=prod TO=RELEASE DRY=1: at once back to the release before, or to that one
	@$(PY) -m ops release back $(if $(TO),--to "$(TO)") $(if $(DRY),--dry-run) \
	  $(if $(ENV),--stack-name "slotkeeper-$(ENV)",--stack "$(or $(SLOTKEEPER_STATE),.local)/stack.json")
rollback-drill: ## release something broken on the running local system, and take it back while others book
	@$(PY) -m local rollback-drill
cost: ## BOOKINGS=20 WRITE=1: what a million bookings cost, measured on the running local system (docs/cost.md)
	@$(PY) -m local cost --bookings "$(or $(BOOKINGS),20)" $(if $(WRITE),--write)
build: ## sam build for a deployment, into .aws-sam/build
	@$(PY) -m local build
indexes: ## VALIDATE=1 DRY=1: create the running system's indexes, or see whether all are there; URI=mongodb://...: another's
	@$(PY) -m ops indexes $(if $(VALIDATE),validate,create) $(if $(DRY),--dry-run) \
	  $(if $(URI),--mongo-uri "$(URI)",--stack "$(or $(SLOTKEEPER_STATE),.local)/stack.json")
roles: ## URI=mongodb://...: create the database role of a deployed system's functions (docs/audit.md)
	@$(PY) -m ops roles --mongo-uri "$(URI)"
openapi: ## write openapi.json anew from what the handlers declare
	@$(PY) -m local.openapi
lock: ## pin anew what the *.in files ask for, with hashes
	@$(PY) -m local.lock
