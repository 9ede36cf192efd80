/** A block of TypeScript in a page of Markdown, and how it is to be tested. */
export interface Snippet {
  /** Where it begins: `docs/guide/jobs.md:6`. */
  readonly place: string
  readonly source: string
  readonly runs: boolean
  /** What it prints, where the page says so. */
  readonly output: string | undefined
}

export interface Fence {
  readonly language: string
  readonly words: readonly string[]
  readonly line: number
  readonly text: string
}

/**
 * The TypeScript blocks of a page. Each is a module of its own, unless it says `ts continue`: then it goes on where the one before it
 * ended. `ts run` is also run; a block `text output` right behind it is what it prints.
 */
export function snippetsOf(path: string, markdown: string): readonly Snippet[] {
  const snippets: Snippet[] = []
  let before: Fence | undefined
  for (const fence of fencesOf(markdown)) {
    const last = snippets.at(-1)
    if (fence.language === 'ts') {
      const runs = fence.words.includes('run')
      if (fence.words.includes('continue') && last !== undefined) {
        snippets[snippets.length - 1] = { ...last, source: `${last.source}\n${fence.text}`, runs: runs || last.runs, output: undefined }
      } else snippets.push({ place: `${path}:${fence.line}`, source: fence.text, runs, output: undefined })
    } else if (fence.words.includes('output') && before?.language === 'ts' && last !== undefined) {
      snippets[snippets.length - 1] = { ...last, output: fence.text }
    }
    before = fence
  }
  return snippets
}

/** The fenced blocks of a page. */
export function fencesOf(markdown: string): readonly Fence[] {
  const fences: Fence[] = []
  const lines = markdown.split('\n')
  for (let index = 0; index < lines.length; index++) {
    const open = /^(`{3,})(\w*)(.*)$/.exec(lines[index]!)
    if (open === null) continue
    const end = lines.findIndex((line, at) => at > index && line === open[1])
    const last = end < 0 ? lines.length : end
    const words = open[3]!.trim().split(/\s+/).filter(Boolean)
    fences.push({ language: open[2]!, words, line: index + 1, text: `${lines.slice(index + 1, last).join('\n')}\n` })
    index = last
  }
  return fences
}
