import type { KeyAtom, MapState } from '../../api/state.ts'
import { engineError } from '../../errors.ts'
import type { CloneState } from '../values/clone-state.ts'
import { detach } from '../values/detach.ts'
import { ExpiringMapHandle, liveEntries } from './expiring-map.ts'
import { freezeDeep } from '../values/freeze.ts'
import type { MapCell, MapEntry, TimedMapCell, TimedMapEntry } from '../rows/map-cell.ts'
import { mapKey, type RowMapHandle, type StateName } from './map-handle.ts'

export interface BufferedMapParts {
  readonly name: StateName
  readonly freeze: boolean
  /** Throws once the invocation is over. */
  readonly check: () => void
  readonly clone: CloneState
}

const DELETED: unique symbol = Symbol('deleted')

/** A map state that reads through entry by entry, and keeps what was read, written and removed. */
export class BufferedMap implements MapState<KeyAtom, unknown> {
  readonly #below: () => MapCell | undefined
  readonly #target: RowMapHandle
  readonly #name: StateName
  readonly #freeze: boolean
  readonly #check: () => void
  readonly #clone: CloneState
  /** Of a map whose entries expire. */
  readonly #expiring: ExpiringMapHandle | undefined
  /** Of a map whose entries expire: when those written or read here were last updated. */
  readonly #times: Map<KeyAtom, number> = new Map()
  /** Entries written, removed (DELETED), or read as an object, which may have been changed since, or so that their time begins anew: the sweep may remove them underneath. */
  readonly #own: Map<KeyAtom, unknown> = new Map()
  #cleared = false

  constructor(below: () => MapCell | undefined, target: RowMapHandle, parts: BufferedMapParts) {
    this.#below = below
    this.#target = target
    this.#expiring = target instanceof ExpiringMapHandle ? target : undefined
    this.#name = parts.name
    this.#freeze = parts.freeze
    this.#check = parts.check
    this.#clone = parts.clone
  }

  get(key: KeyAtom): unknown {
    this.#check()
    const expired = this.#takeExpired(key)
    return expired === undefined ? this.#handOut(key) : expired.value
  }

  set(key: KeyAtom, value: unknown): void {
    this.#check()
    if (value === undefined) throw engineError('STATE_VALUE_UNDEFINED', { ...this.#name })
    const own = mapKey(key, this.#name)
    this.#own.set(own, detach(value))
    if (this.#expiring !== undefined) this.#times.set(own, this.#expiring.expiry.now)
  }

  has(key: KeyAtom): boolean {
    this.#check()
    return this.#takeExpired(key) !== undefined || this.#isThere(key)
  }

  delete(key: KeyAtom): void {
    this.#check()
    this.#times.delete(key)
    if (!this.#cleared && this.#below()?.find(key) !== undefined) this.#own.set(key, DELETED)
    else this.#own.delete(key)
  }

  *entries(): IterableIterator<[KeyAtom, unknown]> {
    this.#check()
    const below = new Set<KeyAtom>()
    if (!this.#cleared) for (const { key } of this.#below()?.all() ?? []) below.add(key)
    for (const key of below) if (this.#isThere(key)) yield [key, this.#handOut(key)]
    for (const key of Array.from(this.#own.keys())) if (!below.has(key) && this.#isThere(key)) yield [key, this.#handOut(key)]
  }

  get size(): number {
    this.#check()
    let size = this.#sizeBelow()
    for (const [key, value] of this.#own) {
      const counted = this.#hasBelow(key)
      if (value === DELETED && counted) size--
      else if (value !== DELETED && !counted) size++
    }
    return size
  }

  clear(): void {
    this.#check()
    this.#own.clear()
    this.#times.clear()
    this.#cleared = true
  }

  apply(): void {
    if (this.#cleared) this.#target.clear()
    for (const [key, value] of this.#own) {
      if (value === DELETED) this.#target.delete(key)
      else this.#applyEntry(key, value)
    }
  }

  #applyEntry(key: KeyAtom, value: unknown): void {
    const time = this.#times.get(key)
    if (time === undefined) this.#target.apply(key, value)
    else this.#expiring!.put(key, value, time)
  }

  #hasBelow(key: KeyAtom): boolean {
    return this.#entryBelow(key) !== undefined
  }

  /** An entry underneath that is to be seen. */
  #entryBelow(key: KeyAtom): MapEntry | undefined {
    const entry = this.#cleared ? undefined : this.#below()?.find(key)
    return entry === undefined || this.#isSeen(entry) ? entry : undefined
  }

  #isSeen(entry: MapEntry): boolean {
    const expiry = this.#expiring?.expiry
    return expiry === undefined || expiry.ttl.returnsExpired || !expiry.expired((entry as TimedMapEntry).time)
  }

  #sizeBelow(): number {
    const cell = this.#cleared ? undefined : this.#below()
    if (cell === undefined || this.#expiring === undefined) return cell?.size ?? 0
    const { expiry } = this.#expiring
    return expiry.ttl.returnsExpired ? cell.size : liveEntries(cell as TimedMapCell, expiry)
  }

  #isThere(key: KeyAtom): boolean {
    this.#check()
    if (!this.#own.has(key)) this.#refresh(key)
    return this.#own.has(key) ? this.#readOwn(key) !== DELETED : this.#hasBelow(key)
  }

  #handOut(key: KeyAtom): unknown {
    const value = this.#own.has(key) ? this.#readOwn(key) : this.#read(key)
    if (value === DELETED) return undefined
    return this.#freeze ? freezeDeep(value) : value
  }

  /** An entry that has expired and is seen once more: it is removed by that. */
  #takeExpired(key: KeyAtom): { readonly value: unknown } | undefined {
    const expiry = this.#expiring?.expiry
    const own = this.#own.get(key)
    if (expiry?.ttl.returnsExpired !== true || own === DELETED) return undefined
    const below = own === undefined ? (this.#entryBelow(key) as TimedMapEntry | undefined) : undefined
    const time = below?.time ?? this.#times.get(key)
    if (time === undefined || !expiry.expired(time)) return undefined
    const value = below === undefined ? own : this.#clone(below.value)
    this.#own.set(below?.key ?? key, DELETED)
    this.#times.delete(key)
    return { value: this.#freeze ? freezeDeep(value) : value }
  }

  #readOwn(key: KeyAtom): unknown {
    const value = this.#own.get(key)
    if (value !== DELETED && this.#expiring?.expiry.ttl.onRead === true) this.#times.set(key, this.#expiring.expiry.now)
    return value
  }

  #read(key: KeyAtom): unknown {
    const entry = this.#entryBelow(key)
    if (entry === undefined) return undefined
    this.#refresh(key)
    if (this.#own.has(entry.key)) return this.#own.get(entry.key)
    const value = this.#clone(entry.value)
    if (typeof value !== 'object' || value === null) return value
    this.#own.set(entry.key, value)
    if (this.#expiring !== undefined) this.#times.set(entry.key, (entry as TimedMapEntry).time)
    return value
  }

  /** A read entry counts as updated, if reading does that. */
  #refresh(key: KeyAtom): void {
    const expiry = this.#expiring?.expiry
    if (expiry === undefined || !expiry.ttl.onRead) return
    const entry = this.#entryBelow(key) as TimedMapEntry | undefined
    if (entry === undefined || expiry.expired(entry.time)) return
    this.#own.set(entry.key, this.#clone(entry.value))
    this.#times.set(entry.key, expiry.now)
  }
}
