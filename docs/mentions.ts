import { globSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fencesOf } from './snippets.ts'

export const root: string = join(import.meta.dirname, '..')

/** A page of Markdown, by its path from the root. */
export interface Page {
  readonly path: string
  readonly text: string
}

/** Something that stands in backticks, or a command in a block. */
export interface Mention {
  /** Where: `docs/guide/run.md:12`. */
  readonly place: string
  readonly text: string
}

/** All pages of the repository, those that are written by a program left out. */
export function writtenPages(): readonly Page[] {
  const paths = globSync(['*.md', 'docs/**/*.md', 'examples/**/*.md'], { cwd: root }).toSorted()
  return paths
    .map((path) => ({ path, text: readFileSync(join(root, path), 'utf8') }))
    .filter(({ text }) => !text.includes('npm run docs` from the tables'))
}

/** What stands in backticks, outside of blocks. */
export function spansOf({ path, text }: Page): readonly Mention[] {
  const prose = text.replace(/^(`{3,})[^]*?^\1$/gm, (block) => block.replace(/[^\n]/g, ''))
  return [...prose.matchAll(/(?<!`)(`+)(?!`)([^]*?[^`])\1(?!`)/g)].map((match) => ({
    place: `${path}:${lineAt(prose, match.index)}`,
    text: match[2]!.trim(),
  }))
}

/** The commands of a shell in blocks of a page and in what its backticks hold: joined where a line goes on, cut where a pipe or another command begins. */
export function commandsOf(page: Page): readonly Mention[] {
  const blocks = fencesOf(page.text)
    .filter(({ language }) => language === 'sh' || language === 'console')
    .map(({ text, line }) => ({ place: `${page.path}:${line}`, text: text.replaceAll('\\\n', ' ') }))
  const lines = [...blocks, ...spansOf(page)].flatMap(({ place, text }) => text.split('\n').map((line) => ({ place, text: line })))
  return lines.flatMap(({ place, text }) => shellCommands(text).map((command) => ({ place, text: command })))
}

/** `A=$(b c) && d # e` is `b c` and `d`. What is quoted stays whole. */
export function shellCommands(line: string): readonly string[] {
  const words = line.match(/"\$\([^)]*\)"|'[^']*'|"[^"]*"|[^\s'"]+/g) ?? []
  const commands: string[][] = [[]]
  for (const word of words.map((each) => each.replace(/^"(\$\(.*\))"$/, '$1'))) {
    if (word.startsWith('#')) break
    if (/^(\||\|\||&&|&|;)$/.test(word)) commands.push([])
    else if (/^[\w]*=?\$\(/.test(word)) {
      const inner = word.replace(/^[\w]*=?\$\(/, '')
      commands.push(inner.endsWith(')') ? inner.slice(0, -1).split(/\s+/) : [inner])
    } else commands.at(-1)!.push(word.replace(/[);]$/, ''))
  }
  return commands.filter((command) => command.length > 0).map((command) => command.join(' '))
}

function lineAt(text: string, index: number): number {
  return text.slice(0, index).split('\n').length
}
