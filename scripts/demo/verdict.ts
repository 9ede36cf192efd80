import { styleText } from 'node:util'
import { differences, recount, total, type CountPerPath } from './counts.ts'
import { readLog } from './growing-log.ts'
import type { Stage } from './stage.ts'

export interface Verdict {
  readonly published: CountPerPath
  readonly expected: CountPerPath
  /** Everything that is wrong with the output; empty if it is right. */
  readonly problems: readonly string[]
}

/** Compares all that was published with a plain recount of the whole log. */
export async function judge(stage: Stage): Promise<Verdict> {
  stage.published.refresh()
  const expected = recount(await readLog(stage.folders.input))
  const published = stage.published.last()
  return { published, expected, problems: [...stage.published.problems(), ...differences(published, expected)] }
}

const number = new Intl.NumberFormat('en-US')
const pathWidth = 44

export function formatNumber(value: number): string {
  return number.format(Math.round(value))
}

/** The paths asked for most, and all together. */
export function verdictTable({ published, expected }: Verdict, numRows: number): string {
  const paths = [...new Set([...expected.keys(), ...published.keys()])]
  const most = paths.toSorted((a, b) => (expected.get(b) ?? 0) - (expected.get(a) ?? 0)).slice(0, numRows)
  const rows = [
    ...most.map((path) => row(path, published.get(path) ?? 0, expected.get(path) ?? 0)),
    row(`all ${formatNumber(paths.length)} paths`, total(published), total(expected)),
  ]
  const head = `  ${'path'.padEnd(pathWidth)} ${'published'.padStart(12)} ${'recount'.padStart(12)}`
  const line = `  ${'─'.repeat(pathWidth + 28)}`
  return [styleText('bold', head), line, ...rows.slice(0, -1), line, rows.at(-1)].join('\n')
}

function row(path: string, published: number, expected: number): string {
  const mark = published === expected ? styleText('green', '✓') : styleText('red', '✗')
  return `  ${shorten(path).padEnd(pathWidth)} ${formatNumber(published).padStart(12)} ${formatNumber(expected).padStart(12)} ${mark}`
}

/** What clients sent goes to a terminal: no control characters. */
function shorten(path: string): string {
  const plain = path.replace(/[^\x20-\x7e]/g, '·')
  return plain.length <= pathWidth ? plain : `${plain.slice(0, pathWidth - 1)}…`
}

/** Problems for people: the first few. */
export function problemText(problems: readonly string[]): string {
  const more = problems.length > 10 ? [`… and ${formatNumber(problems.length - 10)} more`] : []
  return [...problems.slice(0, 10), ...more].map((problem) => styleText('red', `  ✗ ${problem}`)).join('\n')
}
