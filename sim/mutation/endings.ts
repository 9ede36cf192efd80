/** Slots and functions that are taken for over when they are not. */
import type { Deployment, SlotLauncher } from '@millrace/engine/simulation'
import { overlay, type Interposer } from '../interposer.ts'

/** A slot that is to close is said to be closed at once, while it still opens what it has to, or closes it. */
export function closedTooSoon(): Interposer {
  return {
    launcher: (launcher: SlotLauncher): SlotLauncher => ({
      launch: async (deployments, handlers) => {
        const isClosed = handlers.map(() => false)
        const links = await launcher.launch(
          deployments,
          handlers.map((handler, slot) =>
            overlay(handler, {
              message: (message) => {
                if (message.kind !== 'closed' || !isClosed[slot]) handler.message(message)
              },
            }),
          ),
        )
        return links.map((link, slot) =>
          overlay(link, {
            send: (message) => {
              link.send(message)
              if (message.kind !== 'cancel' || isClosed[slot]) return
              isClosed[slot] = true
              handlers[slot]!.message({ kind: 'closed' })
            },
          }),
        )
      },
    }),
  }
}

/** After a restore no function does anything at the end of its input. */
export function takenForFinished(): Interposer {
  const changed = (deployment: Deployment): Deployment => ({
    ...deployment,
    restored: deployment.restored.map((operator) => ({ ...operator, finished: true })),
  })
  return { launcher: (inner) => ({ launch: (deployments, handlers) => inner.launch(deployments.map(changed), handlers) }) }
}
