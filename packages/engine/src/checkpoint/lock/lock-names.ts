/** Names in the folder `lock`: a claim, and what belongs to it. */
export function claimName(attempt: number): string {
  return `attempt-${attempt}`
}

/** It is there when the claim was let go of. */
export function releaseName(attempt: number): string {
  return `${claimName(attempt)}.released`
}

/** What its holder stores again and again. */
export function renewalName(attempt: number): string {
  return `${claimName(attempt)}.renewed`
}

/** The claims among names, ascending. */
export function attemptsOf(names: readonly string[]): number[] {
  const numbers = names.flatMap((name) => {
    const digits = /^attempt-([1-9]\d{0,14})$/.exec(name)?.[1]
    return digits === undefined ? [] : [Number(digits)]
  })
  return numbers.toSorted((a, b) => a - b)
}

/** 0: there is none. */
export function newestOf(names: readonly string[]): number {
  return attemptsOf(names).at(-1) ?? 0
}

/** Names of what belongs to claims below this one. */
export function namesBelow(names: readonly string[], attempt: number): string[] {
  return names.filter((name) => Number(/^attempt-([1-9]\d{0,14})(?:\.[a-z]+)?$/.exec(name)?.[1] ?? attempt) < attempt)
}
