/** What the bench's source and sink, on whatever thread, tell the harness: small files in a folder that it names. */
import { readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

let folder: string | undefined

/** Set by the job from its parameters, on each thread. */
export function reportTo(path: string): void {
  folder = path
}

/** Written again under the same id it takes the place of what was there. */
export function report(what: string, id: number | string, data: object): void {
  if (folder !== undefined && folder !== '') writeFileSync(join(folder, `${what}-${id}.json`), JSON.stringify(data))
}

/** Whether anybody of this job has reported such a thing. */
export function isReported(what: string): boolean {
  return folder !== undefined && folder !== '' && readdirSync(folder).some((name) => name.startsWith(`${what}-`))
}
