"""The verbs that open a commit message, with their inflected forms.

Data and spelling rules only. Words that are far more often nouns at the head of a message
("Tests for …", "Support for …") are told apart in ``message``.
"""

from __future__ import annotations

import re

_BASE_FORMS = """
abort absorb abstract accelerate accept access accommodate account accumulate achieve acknowledge
acquire act activate adapt add address adhere adjust admit adopt advance advertise advise affect
aggregate alias align allocate allow alphabetize alter amend analyse analyze anchor annotate
announce anonymize answer appease append apply approve archive arrange ask assert assign associate
assume attach attempt attribute audit augment authenticate author authorize auto-detect autodetect
autoformat autogenerate automate avoid await back backfill backport bail bake balance ban base batch
be become begin behave benchmark bind blacken blacklist bless block blow bold boost bootstrap borrow
bound box branch break bring broadcast broaden brush bubble buffer build bump bundle bypass cache
calculate call cancel canonicalise canonicalize cap capitalise capitalize capture care carry cast
catch categorise categorize cause cease censor centralise centralize certify chain change charge
check choose circumvent clamp clarify classify clean cleanup clear click clip clone close cluster
coalesce code coerce collapse collate collect color colorize colour combine come comment commit
commonize compact compare compensate compile complain complete comply compose compress compute
concatenate concentrate condense condition confer configure confirm conform connect consider
consolidate constrain construct consult consume contain continue contract control convert cope copy
correct count cover craft crash create credit crop cross customise customize cut cythonize daemonize
de-duplicate deactivate deal debug decide declare decode decompose decompress decorate decouple
decrease decrement decrypt dedent dedup dedupe deduplicate deepen default defer define defuse delay
delegate delete delimit deliver demand demonstrate demote denote deny depend deploy deprecate
dereference derive describe deserialise deserialize design desugar detach detail detect determine
develop deviate diagnose diff differentiate dig digest direct disable disallow disambiguate
disassemble discard disclaim disconnect discontinue discount discourage discover discriminate
discuss dismiss dispatch display dispose distinguish distribute ditch dive divide do document dodge
dogfood don't dont double double-check downcase downcast downgrade download downplay draft drain
draw drive drop dump duplicate ease echo edit elaborate elevate elide eliminate embed emit emphasise
emphasize emulate enable encapsulate encode encourage encrypt end enforce engage enhance enlarge
enqueue enrich ensure enter enumerate equalize equip eradicate erase error escape establish estimate
evaluate evict evolve examine exceed exchange exclude execute exempt exercise exit expand expect
expedite experiment expire explain exploit explore export expose express extend externalize extract
facilitate factor fail fake fall familiarize favor favour feature feed fetch fiddle figure fill
filter finalise finalize find finish fire fit fix fixate fixup flag flatten flesh flip float flush
fold follow forbid force forget fork formalise formalize format forward free freeze freshen fulfil
fulfill funnel fuse fuzz gate gather generalise generalize generate get ghostwrite give go grab
grant group grow guarantee guard guess guide hack halt handle hang hardcode harden harmonize hash
have help hide highlight hint hoist hold honor honour hook hyperlink identify idle ignore illustrate
implement imply import improve include incorporate increase increment indent index indicate infer
inform ingest inherit inhibit init initialise initialize inject inline insert inspect install
instantiate instruct instrument insulate integrate intercept interleave internalize internationalize
interpolate interpret interrupt introduce invalidate invert investigate invoke isolate issue iterate
join jump justify keep kill kludge know label land launch lay lazify lead leak learn leave lengthen
let leverage liberalise lift lighten limit line link lint list listen live load localize locate lock
log look loop loosen lose lower maintain make manage mandate mangle manipulate map mark mask massage
match materialise materialize maximize measure memoise memoize mend mention merge migrate mimic mind
minify minimise minimize mint mirror miss mitigate mix mock model modernise modernize modify
modularise modularize monitor monkey-patch monkeypatch move multiply mutate mute name narrow
navigate neaten need negate neglect nest neutralise neutralize no-op noop normalise normalize note
notice notify nudge nuke number obey obfuscate observe obsolete obtain obviate offer offload offset
omit open operate opt optimise optimize orchestrate order organise organize orient outdent outline
output overhaul overlap overload override overwrite pack package pad paginate parallelise
parallelize parameterise parameterize parametrise parametrize parse partition pass patch pave pay
peel peg perform permit permute persist persuade pick pickle pin pipe place plan play plug plumb
point polish poll pop populate port postpone power practice pre-compute precompile precompute
predict prefer prefetch prefix prepare prepend prescribe present preserve press pretend prettify
prevent prime print prioritise prioritize privatize probe process produce profile prohibit project
prolong promote prompt propagate propose protect prototype prove provide proxy prune publish pull
punt purge push put qualify quantify quell query queue quicken quiet quieten quit quote raise
randomise randomize rationalise rationalize re-add re-enable re-export re-raise re-use reach react
reactivate read readd realign realize reapply rearrange reassign rebase rebind rebuild recalculate
recall receive recheck reclaim recode recognise recognize recommend recompile recompute reconcile
reconfigure reconnect reconsider reconstruct record recover recreate rectify recurse recycle
redefine redesign redirect redistribute redo reduce reenable reexport refactor refactorize refer
reference refill refine reflect reflow reformat reformulate refresh refuse regenerate register
regularize reimplement reinforce reinit reinitialize reinsert reinstall reinstate reintroduce reject
rejig relabel relate relax relay release relicense relocate rely remake remember remind remove
rename render renew reorder reorganise reorganize repackage repair repeat rephrase replace replay
replicate report reposition represent reproduce require reraise rerun rescue resend reserve reset
reshuffle resolve resort respect respond restart restore restrict restructure resume resurrect
retain retake rethink rethrow retire retrieve retry return reuse revamp reveal reverse review revise
revisit revive rewind reword rework rewrap rewrite rid rip roll rotate round route run safeguard
sanitise sanitize satisfy save say scale scan schedule scope scrap scrape scroll scrub seal search
secure see select send separate sequence serialise serialize serve set settle setup shadow shape
share sharpen shift shim ship shortcircuit shortcut shorten show shrink shuffle shut sidestep sign
signal silence simplify simulate skip slice slim slugify smooth snapshot sniff solve sort source
spawn special special-case specialise specialize specify speed speedup spell spin split sprinkle
squash squeeze squelch stabilise stabilize stack stage standardise standardize start state stay
steal step stick stop store stream streamline strengthen stress strictify string strip structure
stub style subclass submit subscribe substitute subtract suggest suit summarize supersede supplement
supply support suppress surface surround survive suspend swallow swap sweep switch symlink sync
synchronise synchronize synthesize table tag tailor take talk target teach tear teardown tee tell
terminate test thank thread throttle throw tidy tie tighten time toggle tokenise tokenize tolerate
touch toughen trace track trade trail transfer transform transition translate transpile transport
trap traverse treat trigger trim triple truncate trust try tune turn tweak type type-check typecheck
typeset un-ignore unbind unblock unbox unbreak undef undeprecate underline understand undo
undocument unescape unexport unfold unify unignore uninstall unite unlink unlock unmark unpack
unpickle unpin unquote unregister unroll unset unskip unsort untangle unvendor unwind unwrap unxfail
update upgrade uplift upload use utilise utilize vacuum validate vary vectorize vendor verify
version view visit visualize voice wait walk warn wash watch weaken weigh whitelist widen win wipe
wire wish withdraw work workaround worry wrap write xfail yield zap zero zip
"""

_NO_INFLECTION = {"be", "don't", "dont"}

_IRREGULAR = {
    "became": "become", "began": "begin", "bound": "bind", "broke": "break", "brought": "bring",
    "built": "build", "caught": "catch", "chose": "choose", "came": "come", "cut": "cut",
    "dealt": "deal", "did": "do", "done": "do", "does": "do", "drew": "draw", "drove": "drive",
    "fed": "feed", "found": "find", "forbade": "forbid", "forgot": "forget",
    "forgotten": "forget", "froze": "freeze",
    "gave": "give", "got": "get", "gone": "go", "went": "go", "grew": "grow", "had": "have",
    "has": "have", "held": "hold", "hid": "hide", "kept": "keep", "knew": "know", "laid": "lay",
    "led": "lead", "left": "leave", "lost": "lose", "made": "make", "overrode": "override",
    "overwrote": "overwrite", "put": "put", "ran": "run", "read": "read", "redid": "redo",
    "redone": "redo", "rebuilt": "rebuild", "reran": "rerun", "rewritten": "rewrite",
    "rewrote": "rewrite", "said": "say", "saw": "see", "sent": "send", "set": "set",
    "shrank": "shrink", "shown": "show", "slimmed": "slim", "sped": "speed", "split": "split",
    "stuck": "stick", "taught": "teach", "threw": "throw", "told": "tell", "took": "take",
    "tore": "tear", "undid": "undo", "undone": "undo", "withdrew": "withdraw", "wrote": "write",
    "written": "write",
}  # fmt: skip

_DOUBLED = re.compile(r"(?:\A|[^aeiou])[aeiou][bdgklmnprtz]\Z")


def _third_person(verb: str) -> str:
    if re.search(r"[^aeiou]y\Z", verb):
        return verb[:-1] + "ies"
    if verb.endswith(("s", "x", "z", "ch", "sh", "o")):
        return verb + "es"
    return verb + "s"


def _past(verb: str) -> set[str]:
    if verb.endswith("e"):
        return {verb + "d"}
    if re.search(r"[^aeiou]y\Z", verb):
        return {verb[:-1] + "ied"}
    return {verb + "ed", verb + verb[-1] + "ed"} if _DOUBLED.search(verb) else {verb + "ed"}


def _progressive(verb: str) -> set[str]:
    if verb.endswith("e") and not verb.endswith(("ee", "ye", "oe")):
        return {verb[:-1] + "ing"}
    return {verb + "ing", verb + verb[-1] + "ing"} if _DOUBLED.search(verb) else {verb + "ing"}


BASE: frozenset[str] = frozenset(_BASE_FORMS.split())
"""Verbs as an imperative writes them."""

_INFLECTING = BASE - _NO_INFLECTION

THIRD_PERSON: frozenset[str] = frozenset(map(_third_person, _INFLECTING)) | {"does", "has"}
"""Forms on -s ("Fixes")."""

PAST: frozenset[str] = frozenset().union(*map(_past, _INFLECTING)) | frozenset(_IRREGULAR)
"""Forms on -ed and the irregular ones ("Fixed", "Wrote")."""

PROGRESSIVE: frozenset[str] = frozenset().union(*map(_progressive, _INFLECTING))
"""Forms on -ing ("Adding")."""
