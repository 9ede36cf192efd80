import type { CommandIo } from './terminal.ts'

/** Lines of columns, the first their names; or an object a line. */
export function printRows(
  io: CommandIo,
  format: unknown,
  rows: readonly Readonly<Record<string, unknown>>[],
  columns: readonly string[],
): void {
  if (format === 'json') {
    for (const row of rows) io.stdout.write(`${JSON.stringify(row)}\n`)
    return
  }
  const cells = [columns.map((name) => name.toUpperCase()), ...rows.map((row) => columns.map((name) => cell(row[name])))]
  const widths = columns.map((_, column) => Math.max(...cells.map((line) => line[column]!.length)))
  for (const line of cells)
    io.stdout.write(
      `${line
        .map((text, column) => text.padEnd(widths[column]!))
        .join('  ')
        .trimEnd()}\n`,
    )
}

function cell(value: unknown): string {
  if (value === null || value === undefined || value === '') return '-'
  return Array.isArray(value) ? value.join(',') : `${value as string | number}`
}
