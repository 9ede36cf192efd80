"""Runs scenarios in the order they are asked for, and prints one line of JSON for each."""
import json
import sys
import time
import traceback


class Skip(Exception):
    """The client cannot do this."""


def run(scenarios):
    """argv: BOOTSTRAP RUN CLIENT SCENARIO..."""
    for name in sys.argv[4:]:
        begin = time.monotonic()
        answer = {"scenario": name, "result": "pass"}
        try:
            if name not in scenarios:
                raise Skip("the program has no such scenario")
            scenarios[name]()
        except Skip as why:
            answer.update(result="skipped", reason=str(why))
        except BaseException as error:  # also what a client raises past Exception
            traceback.print_exc()
            answer.update(result="fail", reason=f"{type(error).__name__}: {error}"[:600])
        answer["ms"] = round((time.monotonic() - begin) * 1000)
        print(json.dumps(answer), flush=True)


def expect(actual, wanted, what):
    if actual != wanted:
        raise AssertionError(f"{what}: {actual!r} instead of {wanted!r}"[:500])
