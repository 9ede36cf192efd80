import { nearestName } from '@millrace/core'
import { engineError } from '../../errors.ts'
import type { OutputName } from '../../graph/graph.ts'
import type { OperatorSettings, StreamView } from '../stream.ts'
import { checkChoice, checkCount, checkName } from './checks.ts'
import { describeDraft, type GraphBuilder, type OperatorDraft, type Port } from './graph-builder.ts'
import type { Shapes } from './shapes.ts'
import { View } from './view.ts'

/** What an operator emits, its settings, its side outputs and failures. Of a sink only the settings are to be seen. */
export class OperatorStream<T> extends View<T> implements OperatorSettings {
  readonly side: { readonly [name: string]: StreamView<unknown> }
  readonly #draft: OperatorDraft

  constructor(shapes: Shapes, builder: GraphBuilder, draft: OperatorDraft) {
    super(shapes, builder, [portOf(draft, { kind: 'main' })], 'an operator')
    this.#draft = draft
    this.side = sideOutputs(shapes, builder, draft)
  }

  get failures(): StreamView<unknown> {
    if (this.#draft.spec.onError !== 'side') throw engineError('FAILURES_OFF', { operator: describeDraft(this.#draft) })
    return this.shapes.view(this.builder, [portOf(this.#draft, { kind: 'failures' })], 'failures') as View<unknown>
  }

  override uid(uid: string): this {
    this.builder.open('uid')
    checkName('uid', uid)
    this.builder.setUid(this.#draft, uid)
    return this
  }

  override name(name: string): this {
    this.builder.open('name')
    checkName('name', name)
    this.#draft.name = name
    return this
  }

  override parallelism(subtasks: number): this {
    this.builder.open('parallelism')
    checkCount('parallelism', 'its argument', subtasks)
    this.#draft.parallelism = subtasks
    return this
  }

  override maxParallelism(keyGroups: number): this {
    this.builder.open('maxParallelism')
    checkCount('maxParallelism', 'its argument', keyGroups)
    this.#draft.maxParallelism = keyGroups
    return this
  }

  override chain(how: 'always' | 'never' | 'start'): this {
    this.builder.open('chain')
    checkChoice('chain', 'its argument', how, ['always', 'never', 'start'])
    this.#draft.chaining = how
    return this
  }
}

function portOf(operator: OperatorDraft, output: OutputName): Port {
  return { operator, output, partitioning: 'forward', chosen: false }
}

function sideOutputs(shapes: Shapes, builder: GraphBuilder, draft: OperatorDraft): { readonly [name: string]: StreamView<unknown> } {
  const names = draft.spec.sides ?? []
  const views = names.map((name) => [name, shapes.view(builder, [portOf(draft, { kind: 'side', name })], 'a side output')] as const)
  return new Proxy(Object.freeze(Object.fromEntries(views)) as unknown as { readonly [name: string]: StreamView<unknown> }, {
    get(target, side) {
      if (typeof side === 'symbol' || Object.hasOwn(target, side)) return Reflect.get(target, side)
      const nearest = nearestName(side, names)
      const hint = nearest === undefined ? '' : `; did you mean "${nearest}"?`
      throw engineError('SIDE_UNDECLARED', { operator: describeDraft(draft), side, hint })
    },
  })
}
