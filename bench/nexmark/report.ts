/** What the bench's source and sink, on whatever thread, tell the harness: small files in a folder that it names. */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'

let folder: string | undefined

/** Set by the job from its parameters, on each thread. */
export function reportTo(path: string): void {
  folder = path
}

export function report(what: string, subtask: number, data: object): void {
  if (folder !== undefined && folder !== '') writeFileSync(join(folder, `${what}-${subtask}.json`), JSON.stringify(data))
}
