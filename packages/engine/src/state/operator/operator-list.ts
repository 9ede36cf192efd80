import type { ListState } from '../../api/state.ts'
import type { UnionListState } from '../../api/operator-state.ts'
import type { ListCell } from '../cells/cell.ts'
import type { CloneState } from '../values/clone-state.ts'
import { detach } from '../values/detach.ts'
import { freezeDeep } from '../values/freeze.ts'
import { ListHandle } from '../cells/handles.ts'

/** The elements that one subtask holds of an operator list. */
export class OperatorListCell implements ListCell {
  #elements: unknown[] | undefined = undefined

  get(): unknown[] | undefined {
    return this.#elements
  }

  set(value: unknown): void {
    this.#elements = value as unknown[]
  }

  append(element: unknown): void {
    if (this.#elements === undefined) this.#elements = [element]
    else this.#elements.push(element)
  }

  clear(): void {
    this.#elements = undefined
  }
}

/** The list as calls without a buffer see it. */
export class OperatorListHandle extends ListHandle implements UnionListState<unknown> {
  restored: readonly unknown[] = []
}

export interface BufferedListParts {
  readonly cell: OperatorListCell
  readonly restored: () => readonly unknown[]
  readonly freeze: boolean
  readonly clone: CloneState
  /** Throws once the invocation is over. */
  readonly check: () => void
  /** Throws where a value cannot be an element. */
  readonly checkElement: (value: unknown) => void
}

/** The list as one invocation sees it until it succeeds. Others may run at the same time: what is added is appended then; `set` and `clear` replace what there is. */
export class BufferedOperatorList implements ListState<unknown>, UnionListState<unknown> {
  readonly #parts: BufferedListParts
  #replaced = false
  #own: unknown[] = []

  constructor(parts: BufferedListParts) {
    this.#parts = parts
  }

  get restored(): readonly unknown[] {
    this.#parts.check()
    return this.#parts.restored()
  }

  get(): readonly unknown[] {
    const { cell, clone, freeze, check } = this.#parts
    check()
    const below = this.#replaced ? [] : (cell.get() ?? [])
    const elements = [...below, ...this.#own].map(clone)
    return freeze ? freezeDeep(elements) : elements
  }

  add(value: unknown): void {
    this.#parts.check()
    this.#parts.checkElement(value)
    this.#own.push(detach(value))
  }

  addAll(values: Iterable<unknown>): void {
    for (const value of Array.from(values)) this.add(value)
  }

  set(values: Iterable<unknown>): void {
    const elements = Array.from(values)
    this.clear()
    this.addAll(elements)
  }

  clear(): void {
    this.#parts.check()
    this.#replaced = true
    this.#own = []
  }

  apply(): void {
    const { cell } = this.#parts
    if (this.#replaced) cell.clear()
    for (const element of this.#own) cell.append(element)
  }
}
