"""Word lists behind the judgement of messages; data only.

English at the head of a commit message is a matter of habit: these lists were read off the
histories of some twenty Python projects.
"""

from __future__ import annotations


def _words(block: str) -> frozenset[str]:
    return frozenset(block.split())


ADVERBS = _words(
    """
actually again also always better don't even finally first further just longer more never no not now
only please really simply so then unconditionally
"""
)
"""Words before the verb that change nothing: "Also handle …", "No longer raise …"."""

AFTER_NOUN = _words(
    """
for of
"""
)
"""What follows a noun: "Support for …"."""

AFTER_PLURAL = _words(
    """
about and around for from in of on to with
"""
)
"""What follows a plural: "Changes to …"; a verb on -s takes an object at once."""

NOUN_TAIL = _words(
    """
annotation annotations bug bugs bump case cases change changes checker checking cleanup cleanups
coverage data doc docs documentation error errors failure failures file files fix fixes formatting
handling hint hints improvement improvements issue issues message messages note notes number numbers
refactor refactoring review runner style suite suites support tweak tweaks update updates
"""
)
"""Second words that make the first one part of a noun: "Test fixes", "Import cleanup"."""

DETERMINERS = _words(
    """
a against all an any both each every if it its more no only out some that the their these this those
up when whether
"""
)
"""Words that only follow a verb: "Test that …", "Type the …"."""

MOSTLY_NOUNS = _words(
    """
access author benchmark box branch bug case class code color colour comment contract data date
default design document end error experiment feature figure format function index interface issue
key label level line link list log map mask model name note object order output package page patch
pattern place plan plug point power process program project prompt prototype proxy query question
range reason record release result review scope sequence shape shim sign snapshot source space stack
stage state string structure stub style sub table tag target template test thread time token type
value version view workaround
"""
)
"""Verbs that stand as nouns at the head far more often than as verbs."""

PLURAL_NOUNS = _words(
    """
accesses benchmarks boxes branches bugs cases classes codes colors comments contracts defaults
designs docs documents ends errors experiments features fields figures files formats functions hints
improvements indexes issues keys labels levels lines links lists logs maps masks models names notes
orders outputs packages pages patches patterns places plans plugs points processes programs projects
prototypes queries records releases results returns reviews rounds scopes sequences shapes signs
sources stacks stages states strings structures stubs styles tables tags targets tasks tests threads
times tokens types values versions views works wraps
"""
)
"""Forms on -s that are plurals far more often than verbs."""

NO_PROGRESSIVES = _words(
    """
benchmarking binding building caching coding encoding everything failing following formatting
linting logging mapping meaning missing naming nothing opening packaging pending profiling setting
something spacing spelling string styling testing timing trailing typing versioning warning wording
"""
)
"""Forms on -ing that name a thing: "Typing fixes"."""

MOSTLY_ADJECTIVES = _words(
    """
bound cut expected failed left lost mixed named nested read related required scheduled set shared
typed
"""
)
"""Forms on -ed and irregular ones that describe what follows: "Nested classes"."""

PARTICLES = _words(
    """
around back down in off out over up
"""
)
"""Second parts of hyphenated verbs: "clean-up", "roll-back"."""

PREFIXES = _words(
    """
auto back co cross de dis double front hard micro mis monkey out over pre re sub un under
"""
)
"""First parts of hyphenated verbs: "re-enable", "pre-compute"."""

VAGUE = _words(
    """
a add added adding address addressed again an and another attempt bit bug bugs change changed
changes changing checkpoint clean cleaned cleaning cleanup cleanups code comments commit done edit
edits feedback few file files final first fix fixed fixes fixing flake8 improve improvement
improvements in initial issue issues it last lint linting little make minor misc miscellaneous more
nit nits of oops other pr problem problems progress refactor refactored refactoring review save
saving small some stuff temp temporary test tests that the thing things this tiny tmp try tweak
tweaking tweaks typo typos up update updated updates updating various version whoops wip work
working
"""
)
"""Words that say nothing in particular; a head made of nothing else is vague."""

EITHER = _words(
    """
color colour comment default document format index label link list log map mark mask name order
patch place plug point release shim stub tag target template test time type view
"""
)
"""Of ``MOSTLY_NOUNS``: verbs too, where no ``NOUN_TAIL`` follows: "Format with black"."""

NOUN_VERBS = _words(
    """
build cache change cover coverage debug export fuzz import install lint load parse profile report
search support update
"""
)
"""Ordinary verbs that ``MENDING`` turns into nouns: "Cache fixes"."""

MENDING = _words(
    """
bug bugs bump cleanup cleanups fix fixes handling improvement improvements issue issues refactoring
tweak tweaks
"""
)
"""Nouns for work on something."""
