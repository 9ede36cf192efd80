// State of a subtask that belongs to no key: lists, and raw state.
//
// 1. Lists are snapshots as of the barrier, element by element, so that a restore can deal them out without knowing what they are.
// 2. An invocation's writes to lists are kept apart until it succeeds. Raw state is the user's own object and cannot be: in an invocation it is refused.
import { messageOf } from '@millrace/core'
import type { OperatorStateDeclaration, OperatorStateDeclarations } from '../../api/operator-state.ts'
import { decodeValue, encodeValue } from '../../codec/value.ts'
import { engineError } from '../../errors.ts'
import { cloneOf } from '../values/clone-state.ts'
import { BufferedOperatorList, OperatorListCell, OperatorListHandle } from './operator-list.ts'
import { RawStates, type RawPartBytes } from './raw-state.ts'
import { optionProblem } from '../rows/schema.ts'
import type { KeyGroupRange } from '../../keys/key-group.ts'
import { StoredShape } from '../segments/stored-shape.ts'
import type { StateHandles } from '../state-types.ts'

export type OperatorListKind = 'split-list' | 'union-list'

/** The elements of one list of one subtask, encoded each by itself. Plain data. */
export interface StoredList {
  readonly name: string
  readonly kind: OperatorListKind
  readonly version: number
  /** Whether a codec has encoded them. */
  readonly coded: boolean
  readonly elements: readonly Uint8Array[]
}

export interface OperatorStateOptions {
  readonly operator: string
  readonly states: OperatorStateDeclarations
  /** Of keyed operators. */
  readonly keyGroups: KeyGroupRange
  /** The current key's group, in keyed operators; undefined while no key is the current one. */
  readonly currentGroup: () => number | undefined
  readonly freeze: boolean
  readonly allowNonRestored: boolean
}

export interface OperatorInvocation {
  readonly handles: StateHandles
  commit(): void
  discard(): void
}

interface ListParts {
  readonly declaration: OperatorStateDeclaration<unknown>
  readonly cell: OperatorListCell
  readonly handle: OperatorListHandle
  readonly checkElement: (value: unknown) => void
}

export class OperatorState {
  readonly handles: StateHandles
  readonly #options: OperatorStateOptions
  readonly #lists: Map<string, ListParts> = new Map()
  readonly #raw: Map<string, RawStates> = new Map()

  /** @throws STATE_DECLARATION_INVALID */
  constructor(options: OperatorStateOptions) {
    this.#options = options
    const handles: { [name: string]: unknown } = {}
    for (const [name, declaration] of Object.entries(options.states)) {
      if (isList(declaration.kind)) {
        const parts = this.#list(name, declaration)
        this.#lists.set(name, parts)
        handles[name] = parts.handle
      } else {
        const raw = new RawStates(options.operator, name, declaration)
        this.#raw.set(name, raw)
        const isKeyed = declaration.kind === 'raw-keyed'
        Object.defineProperty(handles, name, {
          enumerable: true,
          get: () => (isKeyed ? raw.ofGroup(options.currentGroup()) : raw.object()),
        })
      }
    }
    this.handles = Object.freeze(handles)
  }

  invocation(): OperatorInvocation {
    let over = false
    const buffers: BufferedOperatorList[] = []
    const handles: { [name: string]: unknown } = {}
    const { operator } = this.#options
    for (const [state, { declaration, cell, handle, checkElement }] of this.#lists) {
      const { codec, version = 1 } = declaration.options
      const buffer = new BufferedOperatorList({
        cell,
        restored: () => handle.restored,
        freeze: this.#options.freeze,
        clone: cloneOf(codec, version),
        check: () => {
          if (over) throw engineError('STATE_INVOCATION_OVER', { operator, state })
        },
        checkElement,
      })
      buffers.push(buffer)
      handles[state] = buffer
    }
    for (const state of this.#raw.keys()) {
      Object.defineProperty(handles, state, {
        enumerable: true,
        get: () => {
          throw engineError('STATE_RAW_BUFFERED', { operator, state })
        },
      })
    }
    return {
      handles: Object.freeze(handles),
      commit: () => {
        if (!over) for (const buffer of buffers) buffer.apply()
        over = true
      },
      discard: () => {
        over = true
      },
    }
  }

  /** The lists as of now. @throws STATE_UNENCODABLE */
  snapshot(): readonly StoredList[] {
    return Array.from(this.#lists, ([name, { declaration, cell }]) => {
      const { codec, version = 1 } = declaration.options
      const elements = (cell.get() ?? []).map((element) => this.#encode(name, declaration, element))
      return { name, kind: declaration.kind as OperatorListKind, version, coded: codec !== undefined, elements }
    }).filter(({ elements }) => elements.length > 0)
  }

  /** Raw state as of now. */
  snapshotRaw(): readonly RawPartBytes[] {
    return Array.from(this.#raw.values(), (raw) => raw.snapshot()).flat()
  }

  /**
   * Before first use: elements that come to this subtask, and all elements of what is declared as a union.
   * @throws STATE_UNMAPPED, STATE_KIND_CHANGED, and what stored values are refused with
   */
  restore(own: readonly StoredList[], all: readonly StoredList[]): void {
    for (const list of own) {
      const parts = this.#declared(list)
      const elements = this.#decode(list)
      if (parts !== undefined && elements.length > 0) parts.cell.set([...(parts.cell.get() ?? []), ...elements])
    }
    for (const list of all) {
      const parts = this.#declared(list)
      if (parts !== undefined) parts.handle.restored = Object.freeze([...parts.handle.restored, ...this.#decode(list)])
    }
  }

  /** @throws STATE_UNMAPPED, STATE_RAW_FAILED */
  async restoreRaw(state: string, keyGroup: number, bytes: AsyncIterable<Uint8Array>): Promise<void> {
    const raw = this.#raw.get(state)
    if (raw === undefined) return this.#unmapped(state)
    await raw.restore(keyGroup, bytes, this.#options.keyGroups)
  }

  #unmapped(state: string): undefined {
    if (!this.#options.allowNonRestored) throw engineError('STATE_UNMAPPED', { operator: this.#options.operator, state })
    return undefined
  }

  #list(state: string, declaration: OperatorStateDeclaration<unknown>): ListParts {
    const { operator, freeze } = this.#options
    const problem = optionProblem(declaration.options)
    if (problem !== undefined) throw engineError('STATE_DECLARATION_INVALID', { operator, state, problem })
    const cell = new OperatorListCell()
    const checkElement = (value: unknown): void => {
      if (value === undefined) throw engineError('STATE_VALUE_UNDEFINED', { operator, state })
    }
    return { declaration, cell, checkElement, handle: new OperatorListHandle(cell, freeze, checkElement) }
  }

  #declared(list: StoredList): ListParts | undefined {
    return this.#lists.get(list.name) ?? this.#unmapped(list.name)
  }

  #encode(state: string, { options }: OperatorStateDeclaration<unknown>, element: unknown): Uint8Array {
    const { operator } = this.#options
    try {
      const bytes: unknown = options.codec === undefined ? encodeValue(element, state) : options.codec.encode(element)
      if (bytes instanceof Uint8Array) return bytes
      throw new TypeError('encode of its codec answered something else than a Uint8Array')
    } catch (error) {
      const problem = messageOf(error)
      throw engineError('STATE_UNENCODABLE', { operator, state, key: 'none', problem }, error)
    }
  }

  #decode({ name, kind, version, coded, elements }: StoredList): unknown[] {
    const declared = this.#lists.get(name)
    if (declared === undefined) return []
    const { operator } = this.#options
    const { options } = declared.declaration
    const { version: now = 1, migrate, schema, codec } = options
    // Both kinds are lists: one may become the other.
    const column = { name, kind: 'list' as const, version: now, migrate, schema, codec, ttl: undefined, partner: -1 }
    const shape = new StoredShape(operator, column, isList(kind) ? 'list' : 'value', version)
    return elements.map((bytes) => (coded ? shape.coded(bytes) : shape.value(decodeValue(bytes))))
  }
}

function isList(kind: OperatorStateDeclaration<unknown>['kind']): boolean {
  return kind === 'split-list' || kind === 'union-list'
}
