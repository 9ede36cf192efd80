/**
 * Code made for objects that have the same keys in the same order, which is what most records of a job are. A loop over the fields of an object it has
 * not seen before costs V8 a search for each; code in which the names stand finds them at once.
 *
 * 1. The body of a code is only run on a plain object with exactly its keys, in their order.
 * 2. A list of keys is worth code when it was met `MEETINGS_MIN` times: objects used as maps, each with keys of its own, use up nothing.
 * 3. No more than `SHAPES_MAX` codes are kept, no more than `CANDIDATES_MAX` lists counted.
 */
import { compile } from './compile.ts'
import { quote } from './object-maker.ts'
import { isPlainCode, plainHelp, PROTO } from './plain-object.ts'

const MEETINGS_MIN = 16
const SHAPES_MAX = 16
const CANDIDATES_MAX = 256
const KEYS_MAX = 64

/** Answers `missed` if the object is not of its shape, and has then done nothing. */
export type ShapeCode<C, R> = (object: object, context: C) => R | undefined

export class KnownShapes<C, R> {
  readonly #make: (keys: readonly string[]) => ShapeCode<C, R>
  readonly #codes: ShapeCode<C, R>[] = []
  readonly #met: Map<string, number> = new Map()

  /** `make` makes the code of a shape. */
  constructor(make: (keys: readonly string[]) => ShapeCode<C, R>) {
    this.#make = make
  }

  /** What the code of the object's shape answers; undefined if there is none, or the object is not plain. */
  run(object: object, context: C): R | undefined {
    const codes = this.#codes
    for (let at = 0; at < codes.length; at++) {
      const code = codes[at]!
      const answer = code(object, context)
      if (answer === undefined) continue
      if (at > 0) {
        // The frequent ones come to stand first.
        codes[at] = codes[at - 1]!
        codes[at - 1] = code
      }
      return answer
    }
    return undefined
  }

  /** Counts an object that `run` had no code for. */
  meet(keys: readonly string[]): void {
    if (this.#codes.length >= SHAPES_MAX || keys.length === 0 || keys.length > KEYS_MAX || keys.includes(PROTO)) return
    const name = keys.map(quote).join()
    const met = (this.#met.get(name) ?? 0) + 1
    if (met >= MEETINGS_MIN) {
      this.#met.delete(name)
      this.#codes.push(this.#make(keys))
      return
    }
    if (this.#met.size >= CANDIDATES_MAX) this.#met.clear()
    this.#met.set(name, met)
  }
}

/**
 * A function of an object `v` and a context `c`: first its prototype and its keys are compared, then `body` runs, in which the names of `help` are known.
 * @param body code that ends by answering something other than undefined; names of fields enter it through `quote` alone.
 */
export function shapeCode<C, R>(keys: readonly string[], help: { readonly [name: string]: unknown }, body: string): ShapeCode<C, R> {
  const all = { ...plainHelp, ...help }
  const make = compile(`'use strict'
return (keys, help) => {
const { ${Object.keys(all).join(', ')} } = help
return (v, c) => {
if (!(${isPlainCode('v')})) return undefined
let i = 0
for (const k in v) if (k !== keys[i++]) return undefined
if (i !== ${keys.length}) return undefined
${body}
}
}`) as (keys: readonly string[], help: object) => ShapeCode<C, R>
  return make(keys, all)
}
