/** The file of results: a JSON line for each measurement. What is in it is not measured again, so that an interrupted run goes on. */
import { appendFileSync, mkdirSync, readFileSync } from 'node:fs'
import { dirname } from 'node:path'
import type { Line } from './ratios.ts'

/** A line with what it depends on besides the code: one of another scale or machine does not count. */
export interface StoredLine extends Line {
  readonly setting: string
}

export function readLines(path: string, setting: string): readonly Line[] {
  let text: string
  try {
    text = readFileSync(path, 'utf8')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return []
    throw error
  }
  return text.split('\n').flatMap((line) => {
    const stored = parse(line)
    return stored?.setting === setting ? [stored] : []
  })
}

/** A run that was interrupted may have left half a line. */
function parse(line: string): StoredLine | undefined {
  try {
    return JSON.parse(line) as StoredLine
  } catch {
    return undefined
  }
}

export function appendLine(path: string, line: StoredLine): void {
  mkdirSync(dirname(path), { recursive: true })
  // The line end first: after half a line this one is whole.
  appendFileSync(path, `\n${JSON.stringify(line)}`)
}
