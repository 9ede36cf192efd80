import { posix } from 'node:path'
import { fingerprintBytesMax, fingerprintOf, fits, isCopy, type Fingerprint } from './fingerprint.ts'
import { originalsOf } from './finder.ts'
import type { KnownHead } from './split.ts'

/** Beginnings of files kept to recognise their copies by. */
const headsMax = 1_024

/** How files began that stood under a path. Of many, those that were noted last. */
export class KnownHeads {
  /** The oldest first. */
  readonly #all: Set<KnownHead>
  /** By path, however it was written. */
  readonly #ofPath: Map<string, KnownHead[]>

  constructor(heads: readonly KnownHead[]) {
    this.#all = new Set(heads)
    this.#ofPath = Map.groupBy(heads, ({ path }) => posix.normalize(path))
  }

  list(): readonly KnownHead[] {
    return [...this.#all]
  }

  note(path: string, head: Uint8Array): void {
    if (head.length === 0) return
    const fingerprint = fingerprintOf(head)
    const before = this.#ofPath.get(posix.normalize(path)) ?? []
    if (before.some((other) => isEqual(other.fingerprint, fingerprint))) return
    // A younger state of the same file says less.
    for (const younger of before.filter((other) => isYounger(other.fingerprint, head))) this.#forget(younger)
    this.#add({ path, fingerprint })
    if (this.#all.size > headsMax) this.#forget(this.#all.values().next().value!)
  }

  /** Whether the file under this path, a rotated name, is a copy of what once stood under the name before its rotation. */
  knowsOriginalOf(path: string, head: Uint8Array): boolean {
    const folder = posix.dirname(path)
    const name = posix.basename(path)
    // What is compressed was there before, so a likeness says more.
    const isOriginal = ({ fingerprint }: KnownHead): boolean =>
      isCopy(fingerprint, head) || (name.endsWith('.gz') && fits(fingerprint, head))
    return originalsOf(name).some((original) => this.#ofPath.get(posix.join(folder, original))?.some(isOriginal))
  }

  #add(head: KnownHead): void {
    this.#all.add(head)
    const path = posix.normalize(head.path)
    const others = this.#ofPath.get(path)
    if (others === undefined) this.#ofPath.set(path, [head])
    else others.push(head)
  }

  #forget(head: KnownHead): void {
    this.#all.delete(head)
    const path = posix.normalize(head.path)
    const rest = this.#ofPath.get(path)!.filter((other) => other !== head)
    if (rest.length === 0) this.#ofPath.delete(path)
    else this.#ofPath.set(path, rest)
  }
}

function isEqual(a: Fingerprint, b: Fingerprint): boolean {
  return a.bytes === b.bytes && a.hash === b.hash
}

function isYounger(fingerprint: Fingerprint, head: Uint8Array): boolean {
  return (
    fingerprint.bytes < Math.min(head.length, fingerprintBytesMax) &&
    isEqual(fingerprint, fingerprintOf(head.subarray(0, fingerprint.bytes)))
  )
}
