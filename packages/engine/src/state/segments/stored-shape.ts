import { inspect, isDeepStrictEqual } from 'node:util'
import { messageOf } from '@millrace/core'
import { judge, type SchemaVerdict } from '../../api/standard-schema.ts'
import type { StateCodec } from '../../api/state.ts'
import { engineError, type EngineErrorCode } from '../../errors.ts'
import { cloneValue } from '../values/clone.ts'
import type { ColumnKind, ColumnSchema } from '../rows/schema.ts'

/** How values that were stored in some version become today's: decoded by the codec or migrated, then checked against the schema. */
export class StoredShape {
  readonly #operator: string
  readonly #declared: ColumnSchema
  readonly #stored: number
  readonly isList: boolean
  readonly #compares: boolean
  readonly #key: (() => unknown) | undefined
  /** Of a map, that whose value is looked at. */
  #entry: unknown
  /** Whether the schema has made something else of a value than what is stored. */
  differs = false

  /**
   * `compares`: whether it is to be found out if anything differs. `key`: whose state it is that is looked at, for errors.
   *
   * @throws STATE_KIND_CHANGED, STATE_VERSION_NEWER, STATE_MIGRATION_MISSING
   */
  constructor(
    operator: string,
    declared: ColumnSchema,
    kind: ColumnKind,
    stored: number,
    { compares = false, key }: { readonly compares?: boolean; readonly key?: () => unknown } = {},
  ) {
    this.#key = key
    this.#operator = operator
    this.#declared = declared
    this.#stored = stored
    this.isList = kind === 'list'
    this.#compares = compares && declared.schema !== undefined
    const { migrate, schema, codec } = declared
    if (declared.kind !== kind) {
      throw engineError('STATE_KIND_CHANGED', { operator, state: declared.name, stored: kind, declared: declared.kind })
    }
    if (stored > declared.version) throw this.#error('STATE_VERSION_NEWER')
    if (this.older && migrate === undefined && schema === undefined && codec === undefined) throw this.#error('STATE_MIGRATION_MISSING')
  }

  /** Whether it was stored in another version than the declared one. */
  get older(): boolean {
    return this.#stored < this.#declared.version
  }

  /** Whether values that no codec has written are taken as they are. */
  get isAsStored(): boolean {
    return !this.older && this.#declared.schema === undefined
  }

  cell(stored: unknown): unknown {
    if (this.isAsStored) return stored
    return this.isList && Array.isArray(stored) ? stored.map((element) => this.value(element)) : this.value(stored)
  }

  codedCell(stored: Uint8Array | readonly Uint8Array[]): unknown {
    return stored instanceof Uint8Array ? this.coded(stored) : stored.map((bytes) => this.coded(bytes))
  }

  /** @throws STATE_MIGRATION_MISSING, STATE_MIGRATION_FAILED, STATE_SCHEMA_FAILED */
  value(stored: unknown, entry?: unknown): unknown {
    this.#entry = entry
    if (this.older) return this.#checked(this.#migrated(stored))
    // A schema may change in place what it is given.
    const before = this.#looks ? cloneValue(stored) : undefined
    const value = this.#checked(stored)
    if (this.#looks) this.differs = !isDeepStrictEqual(before, value)
    return value
  }

  /** @throws STATE_CODEC_MISSING, STATE_CODEC_FAILED, STATE_SCHEMA_FAILED */
  coded(bytes: Uint8Array, entry?: unknown): unknown {
    this.#entry = entry
    const { codec } = this.#declared
    if (codec === undefined) throw this.#error('STATE_CODEC_MISSING')
    let value: unknown
    try {
      value = codec.decode(bytes, this.#stored)
    } catch (error) {
      throw this.#error('STATE_CODEC_FAILED', messageOf(error), error)
    }
    if (value === undefined) throw this.#error('STATE_CODEC_FAILED', 'it answered undefined')
    const checked = this.#checked(value)
    if (this.#looks) this.differs = !isEncodedAs(codec, checked, bytes)
    return checked
  }

  get #looks(): boolean {
    return this.#compares && !this.differs
  }

  /** That values which no codec has written can become today's. @throws STATE_MIGRATION_MISSING */
  checkPlain(): void {
    const { migrate, schema } = this.#declared
    if (this.older && migrate === undefined && schema === undefined) throw this.#error('STATE_MIGRATION_MISSING')
  }

  #migrated(stored: unknown): unknown {
    const { migrate } = this.#declared
    if (migrate === undefined) {
      this.checkPlain()
      return stored
    }
    let value: unknown
    try {
      value = migrate(stored, this.#stored)
    } catch (error) {
      throw this.#error('STATE_MIGRATION_FAILED', messageOf(error), error)
    }
    if (value === undefined) throw this.#error('STATE_MIGRATION_FAILED', 'it answered undefined')
    if (value instanceof Promise) {
      value.catch(() => {}) // that it is there at all is what is told
      throw this.#error('STATE_MIGRATION_FAILED', 'it answered a promise, which a restore cannot wait for')
    }
    return value
  }

  #checked(value: unknown): unknown {
    const { schema } = this.#declared
    if (schema === undefined) return value
    let verdict: SchemaVerdict
    try {
      verdict = judge(schema, value)
    } catch (error) {
      throw this.#error('STATE_SCHEMA_FAILED', `it threw ${messageOf(error)}`, error)
    }
    if (verdict.kind === 'async') throw engineError('STATE_SCHEMA_ASYNC', { operator: this.#operator, state: this.#declared.name })
    if (verdict.kind === 'invalid') throw this.#error('STATE_SCHEMA_FAILED', verdict.problem)
    if (verdict.value === undefined) throw this.#error('STATE_SCHEMA_FAILED', 'it answered undefined')
    return verdict.value
  }

  /** One bad value of a million is not found without it. */
  #place(): string {
    if (this.#key === undefined) return ''
    const entry = this.#entry === undefined ? '' : `, entry ${shown(this.#entry)}`
    return `, key ${shown(this.#key())}${entry}`
  }

  #error(code: EngineErrorCode, problem?: string, cause?: unknown): Error {
    const { name, version } = this.#declared
    const details = {
      operator: this.#operator,
      state: name,
      stored: this.#stored,
      declared: version,
      next: version + 1,
      place: this.#place(),
    }
    return engineError(code, problem === undefined ? details : { ...details, problem }, cause)
  }
}

function shown(value: unknown): string {
  return inspect(value, { depth: 2, maxStringLength: 200, breakLength: Infinity })
}

function isEncodedAs(codec: StateCodec<unknown>, value: unknown, bytes: Uint8Array): boolean {
  try {
    return Buffer.compare(codec.encode(value), bytes) === 0
  } catch {
    return false // the next snapshot tells
  }
}
