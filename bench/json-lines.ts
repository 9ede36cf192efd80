/** A file of results: a JSON line for each, written once it is whole. What is in it need not be run again. */
import { appendFileSync, mkdirSync, readFileSync } from 'node:fs'
import { dirname } from 'node:path'

/** All whole lines; none where there is no file. */
export function readJsonLines(path: string): readonly unknown[] {
  let text: string
  try {
    text = readFileSync(path, 'utf8')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return []
    throw error
  }
  return text.split('\n').flatMap((line) => parse(line) ?? [])
}

export function appendJsonLine(path: string, line: object): void {
  mkdirSync(dirname(path), { recursive: true })
  // The line end first: after half a line this one is whole.
  appendFileSync(path, `\n${JSON.stringify(line)}`)
}

/** A run that was interrupted may have left half a line. */
function parse(line: string): unknown {
  try {
    return JSON.parse(line) as unknown
  } catch {
    return undefined
  }
}
