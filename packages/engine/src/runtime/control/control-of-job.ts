import type { ResolvedEngineOptions } from '../../config/options.ts'
import { jobStateFolder } from '../storage/state-folder.ts'
import { serveControl, type ControlledJob, type ControlServer } from './control-server.ts'
import { controlSocketPath } from './socket-path.ts'

/** The socket of a job in its state folder. */
export function controlOf(jobName: string, settings: ResolvedEngineOptions): (job: ControlledJob) => Promise<ControlServer> {
  const path = controlSocketPath(jobStateFolder(jobName, settings))
  return (job) => serveControl(path, job)
}
