/** `ssl.principal.mapping.rules`: how the subject of a certificate becomes the name of a user. */
import { messageOf } from '@millrace/core'
import { logError } from '../../../errors.ts'

/** The name for a subject as RFC 2253 writes it; undefined where no rule fits. */
export type PrincipalMapping = (subject: string) => string | undefined

interface Rule {
  readonly pattern: RegExp
  readonly replacement: string
  readonly letters: 'as they are' | 'lower' | 'upper'
}

const RULE = /^\s*(?:(DEFAULT)|RULE:((?:[^/\\]|\\.)*)\/((?:[^/\\]|\\.)*)\/([LU]?))\s*(?:,|$)/
const LENGTH_MAX = 8192

/**
 * Rules separated by commas, the first that fits counts: `DEFAULT`, the whole subject, or `RULE:pattern/replacement/`, with `L` or `U` behind
 * it for lower or upper case. A pattern must fit the whole subject; `$1` stands for its first group.
 * @throws SECURITY_CONFIG
 */
export function principalMapping(text: string): PrincipalMapping {
  const rules: (Rule | 'default')[] = []
  for (let rest = text.trim() === '' ? 'DEFAULT' : text; rest.trim() !== '';) {
    const matched = RULE.exec(rest)
    if (matched === null) throw invalid(`it cannot be read from '${rest}' on`)
    rules.push(matched[1] === undefined ? ruleOf(matched) : 'default')
    rest = rest.slice(matched[0].length)
  }
  return (subject) => {
    if (subject.length > LENGTH_MAX) return undefined
    for (const rule of rules) {
      const name = rule === 'default' ? subject : apply(rule, subject)
      if (name !== undefined) return name
    }
    return undefined
  }
}

function ruleOf([, , pattern = '', replacement = '', letters]: RegExpExecArray): Rule {
  try {
    // The configuration is the operator's: its patterns are believed not to be hostile.
    return {
      pattern: new RegExp(`^(?:${pattern})$`),
      replacement,
      letters: letters === 'L' ? 'lower' : letters === 'U' ? 'upper' : 'as they are',
    }
  } catch (error) {
    throw invalid(messageOf(error))
  }
}

function apply({ pattern, replacement, letters }: Rule, subject: string): string | undefined {
  const groups = pattern.exec(subject)
  if (groups === null) return undefined
  const name = replacement.replace(/\$(\d+)|\\(.)/g, (_, group: string | undefined, escaped: string) =>
    group === undefined ? escaped : (groups[Number(group)] ?? ''),
  )
  return letters === 'lower' ? name.toLowerCase() : letters === 'upper' ? name.toUpperCase() : name
}

function invalid(problem: string): Error {
  return logError('SECURITY_CONFIG', { name: 'ssl.principal.mapping.rules', problem })
}
