import { cliError } from './errors.ts'

/** `--param a=1 --param b=x=y` is `{ a: '1', b: 'x=y' }`. @throws CLI_PARAM_MALFORMED, CLI_PARAM_TWICE */
export function readParams(texts: readonly string[]): { readonly [name: string]: string } {
  const params = new Map<string, string>()
  for (const text of texts) {
    const at = text.indexOf('=')
    const name = text.slice(0, at)
    if (at <= 0) throw cliError('CLI_PARAM_MALFORMED', { text })
    if (params.has(name)) throw cliError('CLI_PARAM_TWICE', { name })
    params.set(name, text.slice(at + 1))
  }
  return Object.fromEntries(params)
}
