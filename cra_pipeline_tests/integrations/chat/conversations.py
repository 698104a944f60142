"""Conversations that chat templates and tokenizers are tried on."""

from __future__ import annotations

SYSTEM = "Decide whether the file matters. Answer with yes or no."

PROMPTS = (
    "Task: Fix the parser.\n\nFile: till/parse.py\n",
    "",
    "  leading and trailing blanks  ",
    "naïve “quotes”, 漢字, 🦆, \t tabs\r\nand\u00a0more\n\n\n",
    "<chat> & {{ braces }} {% tags %} <|im_end|> inside",
    "x = 1234567890\n" * 40,
)

ANSWERS = (
    "yes",
    "no",
    '{"keep": ["a.py"]}',
    '<edit file="a.py">\n<search>\nx = 1\n</search>\n<replacement>\nx = 2\n</replacement>\n</edit>',
    "trailing line\n",
    " leading blank",
    "漢字 and 🦆",
)

LEARNED = (SYSTEM, *PROMPTS, *ANSWERS)
