/** Savepoints that are more, or less, than a copy of the state. */
import { overlay, type Interposer } from '../interposer.ts'

/** Subtasks are told that a checkpoint is complete where it is a savepoint: sinks commit, and later checkpoints build on it. */
export function savepointTakenForCheckpoint(): Interposer {
  return {
    launcher: (launcher) => ({
      launch: async (deployments, handlers) =>
        (await launcher.launch(deployments, handlers)).map((link) =>
          overlay(link, {
            send: (message) => {
              if (message.kind !== 'savepoint-complete') return link.send(message)
              link.send({ kind: 'complete', checkpointId: message.checkpointId, checkpoint: 'manual' })
            },
          }),
        ),
    }),
  }
}

/** Where keys are dealt out anew, the first of the former key groups is not read. */
export function formerGroupForgotten(): Interposer {
  return {
    keyedState: (backend) => {
      let forgotten = false
      return overlay(backend, {
        beginGroup: (group, segments, formerMaxParallelism) => {
          if (formerMaxParallelism === undefined || forgotten) return backend.beginGroup(group, segments, formerMaxParallelism)
          forgotten = true
          return { next: () => false, close: () => {} }
        },
      })
    },
  }
}
