/** `{a/b,c}/*.log` is `a/b/*.log` and `c/*.log`. Braces without a `/` stay as they are: names are matched by them, folder for folder. Pure. */
export function withoutFoldersInBraces(pattern: string): readonly string[] {
  const group = groupWithFolders(pattern)
  if (group === undefined) return [pattern]
  const { from, to, choices } = group
  return choices.flatMap((choice) => withoutFoldersInBraces(pattern.slice(0, from) + choice + pattern.slice(to)))
}

interface BraceGroup {
  readonly from: number
  /** Behind the closing brace. */
  readonly to: number
  readonly choices: readonly string[]
}

/** The first that gives a choice with a `/` in it. */
function groupWithFolders(pattern: string): BraceGroup | undefined {
  for (let from = pattern.indexOf('{'); from >= 0; from = pattern.indexOf('{', from + 1)) {
    const group = groupAt(pattern, from)
    if (group !== undefined && group.choices.length > 1 && group.choices.some((choice) => choice.includes('/'))) return group
  }
  return undefined
}

/** Undefined: the brace is never closed. */
function groupAt(pattern: string, from: number): BraceGroup | undefined {
  const choices: string[] = []
  let depth = 0
  let begin = from + 1
  for (let at = from; at < pattern.length; at++) {
    const character = pattern[at]
    if (character === '{') depth++
    if (character === '}') depth--
    if (depth === 0 || (depth === 1 && character === ',')) {
      choices.push(pattern.slice(begin, at))
      begin = at + 1
    }
    if (depth === 0) return { from, to: begin, choices }
  }
  return undefined
}
