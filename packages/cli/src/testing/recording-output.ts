import type { TextOutput } from '../terminal.ts'

/** Keeps what is written. */
export class RecordingOutput implements TextOutput {
  text = ''
  readonly isTerminal: boolean
  readonly isInBackground: boolean
  readonly columns: number
  readonly rows: number

  constructor(
    shape: { readonly isTerminal?: boolean; readonly isInBackground?: boolean; readonly columns?: number; readonly rows?: number } = {},
  ) {
    this.isTerminal = shape.isTerminal ?? false
    this.isInBackground = shape.isInBackground ?? false
    this.columns = shape.columns ?? 80
    this.rows = shape.rows ?? 24
  }

  write(text: string): void {
    this.text += text
  }
}

/**
 * What a terminal shows after all that was written to it: the lines, as far as carriage control, moving up and erasing below go.
 * Anything else that a program may send is an error, so that nothing is overlooked.
 */
export function screenOf(text: string): readonly string[] {
  const lines: string[] = ['']
  let [row, column] = [0, 0]
  const print = (plain: string): void => {
    for (const part of plain.split(/(?<=[\r\n])|(?=[\r\n])/)) {
      if (part === '\n' && ++row === lines.length) lines.push('')
      if (part === '\n' || part === '\r') column = 0
      else {
        const line = lines[row]!
        lines[row] = line.slice(0, column).padEnd(column) + part + line.slice(column + part.length)
        column += part.length
      }
    }
  }
  const [first, ...rest] = text.split('\x1b[')
  print(first!)
  for (const piece of rest) {
    const [sequence, parameters, command] = /^(\??[\d;]*)([A-Za-z])/.exec(piece) ?? ['']
    if (command === 'A') row = Math.max(0, row - Number(parameters))
    else if (command === 'J' && parameters === '0') lines.splice(row, Infinity, lines[row]!.slice(0, column))
    else if (command !== 'm' && command !== 'h' && command !== 'l') throw new Error(`unexpected sequence before ${JSON.stringify(piece)}`)
    print(piece.slice(sequence.length))
  }
  return lines
}
