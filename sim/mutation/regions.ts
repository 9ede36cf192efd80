/** Regions that do not start again from where they should. */
import type { Deployment } from '@millrace/engine/simulation'
import type { Interposer } from '../interposer.ts'

function restarted(change: (deployment: Deployment) => Deployment): Interposer {
  let isFirst = true
  return {
    launcher: (inner) => ({
      launch: (deployments, handlers) => {
        const regions = new Set(deployments.map(({ region }) => region.id))
        const tasks = deployments[0]!.plan.tasks.length
        const isAlone = !isFirst && regions.size === 1 && deployments[0]!.region.tasks.length < tasks
        isFirst = false
        return inner.launch(isAlone ? deployments.map(change) : deployments, handlers)
      },
    }),
  }
}

/** Its sources go on, and its state is as at the beginning. */
export function regionWithoutState(): Interposer {
  return restarted((deployment) => ({
    ...deployment,
    restored: deployment.restored.map((operator) => ({ ...operator, keyed: [], databases: [], lists: [], unions: [], raw: [] })),
  }))
}
