"""Broken models by hand: what is given, and what its error must say."""

from __future__ import annotations

from collections.abc import Iterable

MATH = 'xmlns="http://www.w3.org/1998/Math/MathML"'
SYMBOLS = "http://www.sbml.org/sbml/symbols"


def sbml(law: str = "<ci>S</ci>", *, functions: str = "", more: str = "", parts: str = "", events: str = "") -> str:
    """A species S that decays by `law` in a compartment c, beside a parameter k, `more` of them and `parts`."""
    return (
        f'<?xml version="1.0" encoding="UTF-8"?>\n<sbml xmlns="http://www.sbml.org/sbml/level3/version2/core" '
        f'level="3" version="2"><model id="m" substanceUnits="item">\n{functions}<listOfCompartments>'
        f'<compartment id="c" size="1" constant="true"/></listOfCompartments>\n<listOfSpecies><species id="S" '
        f'compartment="c" initialAmount="2" hasOnlySubstanceUnits="true" boundaryCondition="false" constant="false"/>'
        f'</listOfSpecies>\n<listOfParameters><parameter id="k" value="1" constant="false"/>{more}</listOfParameters>'
        f'{parts}\n<listOfReactions><reaction id="r" reversible="false"><listOfReactants><speciesReference species="S" '
        f'stoichiometry="1" constant="true"/></listOfReactants><kineticLaw><math {MATH}>\n{law}</math></kineticLaw>'
        f"</reaction></listOfReactions>{events}</model></sbml>"
    )


def function(name: str, body: str, args: Iterable[str] = ("x",)) -> str:
    bound = "".join(f"<bvar><ci>{a}</ci></bvar>" for a in args)
    return f'<functionDefinition id="{name}"><math {MATH}><lambda>{bound}{body}</lambda></math></functionDefinition>'


def functions(*definitions: str) -> str:
    return f"<listOfFunctionDefinitions>{''.join(definitions)}</listOfFunctionDefinitions>"


def call(name: str, *args: str) -> str:
    return f"<apply><ci>{name}</ci>{''.join(args)}</apply>"


def symbol(name: str) -> str:
    return f"<csymbol encoding='text' definitionURL='{SYMBOLS}/{name}'>{name}</csymbol>"


def rule(variable: str, math: str) -> str:
    return f'<assignmentRule variable="{variable}"><math {MATH}>{math}</math></assignmentRule>'


def chain(length: int, math: str) -> dict[str, str]:
    """p1 to p(length), each by a formula over the one before."""
    names = "".join(f'<parameter id="p{k}" value="1" constant="false"/>' for k in range(length + 1))
    rules = "".join(rule(f"p{k}", math.format(f"<ci>p{k - 1}</ci>")) for k in range(1, length + 1))
    return {"more": names, "parts": f"<listOfRules>{rules}</listOfRules>"}


def with_head(head: str, name: str = "") -> str:
    return sbml().replace("?>\n", f"?>\n{head}\n", 1).replace('id="m"', f'id="m" name="{name}"')


def level_1(formula: str) -> str:
    return (
        '<?xml version="1.0" encoding="UTF-8"?><sbml xmlns="http://www.sbml.org/sbml/level1" level="1" version="2">'
        '<model name="m"><listOfCompartments><compartment name="c" volume="2"/></listOfCompartments><listOfSpecies>'
        '<species name="S" compartment="c" initialAmount="4"/></listOfSpecies><listOfReactions><reaction name="r">'
        '<listOfReactants><speciesReference species="S"/></listOfReactants>'
        f'<kineticLaw formula="{formula}"/></reaction></listOfReactions></model></sbml>'
    )


SUM = "<apply><plus/>{0}{0}</apply>"
CHAINED = [function("f0", "<apply><sin/><ci>x</ci></apply>")]
CHAINED += [
    function(f"f{k}", f"<apply><plus/>{call(f'f{k - 1}', '<ci>x</ci>')}<cn>1</cn></apply>") for k in range(1, 99)
]
GROWING = [function("f0", "<apply><sin/><ci>x</ci></apply>")]
GROWING += [function(f"f{k}", call(f"f{k - 1}", call(f"f{k - 1}", "<ci>x</ci>"))) for k in range(1, 31)]
ENTITIES = "".join(f'<!ENTITY e{k} "{f"&e{k - 1};" * 10}">' for k in range(1, 12))
MODULES = "model m0()\n A -> ; A; A = 1;\nend\n" + "".join(
    f"model m{k}()\n a: m{k - 1}(); b: m{k - 1}();\nend\n" for k in range(1, 30)
)
NO_TYPE = r"line 2: not valid SBML: it has a document type .* remove it"
TOO_DEEP = r"line \d+: .*nested too deeply"
NO_NUMBER = r"line 7: not valid SBML: <cn>.*</cn> is not a number"

# what is given, and what its error must say
REFUSED: dict[str, tuple[str, str]] = {
    "nested": (sbml("<apply><minus/>" * 10_000 + "<ci>S</ci>" + "</apply>" * 10_000), TOO_DEEP),
    "nested and cut off": (sbml("<apply><minus/>" * 100_000), TOO_DEEP),
    "nested notes": (sbml().replace("</model>", "<notes>" + "<p>" * 50_000), TOO_DEEP),
    "wide": (sbml("<apply><plus/>" + "<ci>S</ci>" * 20_000 + "</apply>"), "too many arguments; split"),
    "growing entities": (with_head(f'<!DOCTYPE x [<!ENTITY e0 "lol">{ENTITIES}]>', "&e11;"), NO_TYPE),
    "outer entity": (with_head("<!DOCTYPE x [<!ENTITY e SYSTEM 'file:///etc/hostname'>]>", "&e;"), NO_TYPE),
    "outer document type": (with_head("<!DOCTYPE x SYSTEM 'http://127.0.0.1:9/x.dtd'>"), NO_TYPE),
    "unknown entity": (with_head("", "&e;"), "undefined entity"),
    "functions in a chain": (sbml(call("f98", "<ci>S</ci>"), functions=functions(*CHAINED)), "functions .* too long"),
    "functions that grow": (sbml(call("f30", "<ci>S</ci>"), functions=functions(*GROWING)), "'f.*too many operations"),
    "function of itself": (
        sbml(call("f", "<ci>S</ci>"), functions=functions(function("f", call("f", "<ci>x</ci>")))),
        "line 3.*<functionDefinition>",
    ),
    "functions in a circle": (
        sbml(
            call("f", "<ci>S</ci>"),
            functions=functions(function("f", call("g", "<ci>x</ci>")), function("g", call("f", "<ci>x</ci>"))),
        ),
        "line 3.*<functionDefinition>",
    ),
    "too many arguments": (
        sbml(call("f", "<ci>S</ci>", "<cn>1</cn>"), functions=functions(function("f", "<ci>x</ci>"))),
        "number of arguments",
    ),
    "two arguments of one name": (
        sbml(call("f", "<ci>S</ci>", "<cn>1</cn>"), functions=functions(function("f", "<ci>x</ci>", "xx"))),
        "'f' has two arguments of one name",
    ),
    "rules in a chain": (sbml("<ci>p999</ci>", **chain(999, SUM)), "assignments .* chains too long to be checked"),
    "rule of itself": (sbml(parts=f"<listOfRules>{rule('k', '<ci>k</ci>')}</listOfRules>"), "circular"),
    "rules in a circle": (
        sbml(
            more='<parameter id="j" constant="false"/>',
            parts=f"<listOfRules>{rule('k', '<ci>j</ci>')}{rule('j', '<ci>k</ci>')}</listOfRules>",
        ),
        "circular",
    ),
    "decimal comma": (sbml("<cn>1,5</cn>"), NO_NUMBER),
    "two numbers": (sbml("<cn>1 2</cn>"), NO_NUMBER),
    "unit in a number": (sbml("<cn>1nM</cn>"), NO_NUMBER),
    "half an integer": (sbml('<cn type="integer">1.5</cn>'), NO_NUMBER),
    "hexadecimal": (sbml().replace('initialAmount="2"', 'initialAmount="0x10"'), 'line 4.*initialAmount="0x10"'),
    "base 16": (sbml('<cn type="integer" base="16">10</cn>'), "base 16; write the number to base 10"),
    "1e400": (sbml("<cn>1e400</cn>"), "line 7"),
    "two otherwise": (sbml("<piecewise><otherwise><cn>1</cn></otherwise><otherwise><cn>2</cn></otherwise></piecewise>"),
                      "more than one <otherwise>"),
    "rateOf alone": (sbml(symbol("rateOf")), "line 7.*rateOf stands where no function can"),
    "rateOf of nothing": (sbml(f"<apply>{symbol('rateOf')}</apply>"), "line 7.*rateOf has no argument"),
    "rateOf as an argument": (sbml(f"<apply><plus/><ci>S</ci>{symbol('rateOf')}<ci>S</ci></apply>"), "line 7.*rateOf"),
    "maximum of nothing": (sbml("<apply><max/></apply>"), "line 6.*too few or too many arguments"),
    "empty formula": (sbml("<apply/>"), "empty formula; give it one"),
    "empty name": (sbml("<ci> </ci>"), "a <ci> is empty"),
    "Python": (sbml("<ci>__import__('os').abort()</ci>"), "line 6.*not the id of"),
    "undefined": (sbml("<ci>undefined_name</ci>"), "undefined_name"),
    "infinite stoichiometry": (sbml().replace('stoichiometry="1"', 'stoichiometry="INF"'), "infinite stoichiometry"),
    "wrong version": (sbml().replace('version="2"', 'version="1"', 1), "must declare .*version1/core"),
    "no such version": (sbml().replace('version="2"', 'version="7"', 1), "there is no SBML Level 3 Version 7"),
    "no level": (sbml().replace('level="3"', "", 1), "must state its level and version"),
    "null byte": (sbml().replace('id="r"', 'id="r\0"'), r"line 6: '\\x00' is no character of a text"),
    "half a character": (sbml().replace('id="r"', 'id="\ud800"'), "line 6: .* is no character of a text"),
    "quotes in an id": (sbml().replace('id="k"', 'id="k&quot;]=1;exec(1)"'), "syntax of the SBML type 'SId'"),
    "formula of Level 1": (level_1("-" * 100_000 + "S"), "formula has more than 20000 characters"),
    "brackets": ("A -> ; " + "(" * 100_000 + "A" + ")" * 100_000, "line 1: brackets are nested too deeply"),
    "sum": ("\nA -> ; " + "A + " * 100_000 + "A", "line 2: a statement has more than 3000 symbols"),
    "lines": ("\n".join(f"k{j} = {j};" for j in range(100_000)), "line 10001: more than 10000 statements.*as SBML"),
    "model of itself": ("model m()\n x: m();\n A -> ; A;\nend", "line 2: the model 'm' contains itself"),
    "models that double": (MODULES, r"line \d+: more than 10000 statements"),
    "import": ('A -> ; A;\nimport "/etc/hostname"', "line 2: it imports another file"),
    "import after a text": ('A is "/*"; import "/etc/hostname"; A -> ; A /* */', "line 1: it imports another file"),
    "import after a comment": ('A -> ; A # /*\nimport "/etc/hostname"\n# */', "line 2: it imports another file"),
    "Greek": ("\nα -> ; α", "line 2: 'α' is no part of Antimony"),
    "open text": ('A -> ; A; A is "x\n', "line 1"),
    "open block": ("model m()\nA -> ; A", "unexpected end of file"),
    "null byte in Antimony": ("A -> ; A;\n\0 A = 1", r"line 2: '\\x00' is no character"),
}  # fmt: skip


# what is strange and good: the species that decays
LOADED: dict[str, tuple[str, str]] = {
    "rules that double 60 times": (sbml("<apply><times/><ci>k</ci><ci>S</ci></apply>", **chain(60, SUM)), "S"),
    "names of Python": (
        "__import__ = 1; os = 2; exec -> ; os*exec*__import__; exec = 3; unit substance = item",
        "exec",
    ),
    "empty lines": ("\n" * 100_000 + "A -> ; A; A = 1; unit substance = item", "A"),
}
