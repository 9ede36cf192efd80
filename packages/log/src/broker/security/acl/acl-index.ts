/**
 * All access control entries, found by what they are about; and the decision over them, which is Kafka's.
 *
 * 1. Of a type, the entries of a resource are those of its own name, of the name '*', and of every prefix of its name.
 * 2. A denial that fits counts before any permission; nothing that fits means no.
 * 3. Who may read, write, delete or alter may describe; who may alter configurations may describe them. Denials imply nothing.
 */
import type { AclOperation, ResourceType } from '../authorizer.ts'
import { EVERY_HOST, EVERY_NAME, EVERYBODY, type AclEntry, type AclResource } from './acl.ts'

export interface Asker {
  /** 'User:name' */
  readonly principal: string
  readonly host: string
}

export type AclDecision = 'allowed' | 'denied' | 'no entries'

type Operations = readonly (AclOperation | 'All')[]

/** Operations whose permission is enough for another. */
const ENOUGH_FOR: { readonly [O in AclOperation]?: Operations } = {
  Describe: ['Describe', 'Read', 'Write', 'Delete', 'Alter', 'All'],
  DescribeConfigs: ['DescribeConfigs', 'AlterConfigs', 'All'],
}

class Patterns {
  readonly literal = new Map<string, readonly AclEntry[]>()
  readonly prefixed = new Map<string, readonly AclEntry[]>()
  /** How many prefixes there are of each length: other lengths need not be looked for. */
  readonly prefixLengths = new Map<number, number>()

  put({ pattern, name }: AclResource, entries: readonly AclEntry[]): void {
    const byName = pattern === 'Literal' ? this.literal : this.prefixed
    const isNew = entries.length > 0 && !byName.has(name)
    const isGone = entries.length === 0 && byName.delete(name)
    if (entries.length > 0) byName.set(name, entries)
    if (pattern === 'Prefixed' && (isNew || isGone)) this.#count(name.length, isNew ? 1 : -1)
  }

  #count(length: number, change: number): void {
    const count = (this.prefixLengths.get(length) ?? 0) + change
    if (count === 0) this.prefixLengths.delete(length)
    else this.prefixLengths.set(length, count)
  }

  of(name: string): readonly AclEntry[] {
    const found = [...(this.literal.get(name) ?? [])]
    if (name !== EVERY_NAME) found.push(...(this.literal.get(EVERY_NAME) ?? []))
    for (const length of this.prefixLengths.keys())
      if (length <= name.length) found.push(...(this.prefixed.get(name.slice(0, length)) ?? []))
    return found
  }
}

export class AclIndex {
  readonly #types = new Map<ResourceType, Patterns>()

  /** Replaces what is known of a pattern. */
  put(resource: AclResource, entries: readonly AclEntry[]): void {
    const patterns = this.#types.get(resource.type) ?? new Patterns()
    this.#types.set(resource.type, patterns)
    patterns.put(resource, entries)
  }

  entries(resource: AclResource): readonly AclEntry[] {
    const patterns = this.#types.get(resource.type)
    return (resource.pattern === 'Literal' ? patterns?.literal : patterns?.prefixed)?.get(resource.name) ?? []
  }

  *all(): Generator<{ readonly resource: AclResource; readonly entries: readonly AclEntry[] }> {
    for (const [type, { literal, prefixed }] of this.#types) {
      for (const [name, entries] of literal) yield { resource: { type, pattern: 'Literal', name }, entries }
      for (const [name, entries] of prefixed) yield { resource: { type, pattern: 'Prefixed', name }, entries }
    }
  }

  decide(asker: Asker, operation: AclOperation, type: ResourceType, name: string): AclDecision {
    const entries = this.#types.get(type)?.of(name) ?? []
    if (entries.length === 0) return 'no entries'
    const theirs = entries.filter((entry) => isAbout(entry, asker))
    if (theirs.some((entry) => entry.permission === 'Deny' && isOneOf(entry, [operation, 'All']))) return 'denied'
    const enough = ENOUGH_FOR[operation] ?? [operation, 'All']
    return theirs.some((entry) => entry.permission === 'Allow' && isOneOf(entry, enough)) ? 'allowed' : 'denied'
  }

  /** Whether the operation is allowed for some name of the type, whatever it is; implied permissions do not count. */
  decideForSome(asker: Asker, operation: AclOperation, type: ResourceType): AclDecision {
    const patterns = this.#types.get(type)
    if (patterns === undefined) return 'no entries'
    const has = (entries: readonly AclEntry[] | undefined, permission: AclEntry['permission']): boolean =>
      entries?.some((entry) => entry.permission === permission && isAbout(entry, asker) && isOneOf(entry, [operation, 'All'])) ?? false
    const every = patterns.literal.get(EVERY_NAME)
    if (has(every, 'Deny')) return 'denied'
    if (has(every, 'Allow')) return 'allowed'
    const isOpen = (name: string): boolean =>
      ![...patterns.prefixLengths.keys()].some(
        (length) => length <= name.length && has(patterns.prefixed.get(name.slice(0, length)), 'Deny'),
      )
    for (const [name, entries] of patterns.prefixed) if (has(entries, 'Allow') && isOpen(name)) return 'allowed'
    for (const [name, entries] of patterns.literal) {
      if (has(entries, 'Allow') && !has(entries, 'Deny') && isOpen(name)) return 'allowed'
    }
    return 'denied'
  }

  /** Whether every name of the type has an entry. */
  coversAll(type: ResourceType): boolean {
    return this.#types.get(type)?.literal.has(EVERY_NAME) ?? false
  }
}

function isAbout({ principal, host }: AclEntry, asker: Asker): boolean {
  return (principal === asker.principal || principal === EVERYBODY) && (host === asker.host || host === EVERY_HOST)
}

function isOneOf({ operation }: AclEntry, operations: Operations): boolean {
  return operations.includes(operation)
}
