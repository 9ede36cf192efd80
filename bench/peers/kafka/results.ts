/** The file of results: a JSON line for each measurement. What is in it is not measured again, so that an interrupted run goes on. */
import { appendJsonLine, readJsonLines } from '../../json-lines.ts'
import type { Line } from './ratios.ts'

/** A line with what it depends on besides the code: one of another scale or machine does not count. */
export interface StoredLine extends Line {
  readonly setting: string
}

export function readLines(path: string, setting: string): readonly Line[] {
  return (readJsonLines(path) as readonly StoredLine[]).filter((stored) => stored.setting === setting)
}

export function appendLine(path: string, line: StoredLine): void {
  appendJsonLine(path, line)
}
