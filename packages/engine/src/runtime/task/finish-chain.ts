import type { Clock } from '@millrace/core'
import type { Chain } from '../../operators/chain.ts'

export interface SettledOptions {
  readonly clock: Clock
  /** Whether the task is still about to finish. */
  readonly goesOn: () => boolean
  /** Resolves with the task's next step. */
  readonly stepped: () => Promise<void>
}

/**
 * Finishes the operators of a chain whose input has ended, in its order: each when nothing of it is under way, and not again, unless something has come to it: also what an operator
 * before it emits at its own end. That comes after the last watermark: timers that it has set are past, and fire first. @throws what an operator does; that the task is over
 */
export async function finishChain(chain: Chain, options: SettledOptions): Promise<void> {
  for (const operator of chain.operators) {
    await settled(operator, chain, options)
    operator.fireOverdue()
    chain.rest()
    await settled(operator, chain, options)
    if (!chain.finishedBefore.has(operator.host.node.id)) await operator.finish()
  }
}

/** Resolves once nothing of the operator, or of all of them, is under way. Its promises wake the task, whose steps settle them: that needs no time to pass, which may stand still. */
export async function settled(operator: { readonly pending: number }, chain: Chain, options: SettledOptions): Promise<void> {
  const { clock, goesOn, stepped } = options
  while (operator.pending > 0) {
    if (!goesOn()) throw chain.cursor.failure ?? new Error('the task is over')
    await new Promise<void>((resolve) => {
      const cancel = clock.after(1, resolve)
      void stepped().then(() => (cancel(), resolve()))
    })
    chain.settle()
  }
}
