/** `sasl.jaas.config`: a module and its options, as Kafka's configurations have them. */
import { logError } from '../../../errors.ts'

const MODULE = /^\s*[\w.$]+\s+(?:required|requisite|sufficient|optional)\b/i
const OPTION = /^\s+([\w.-]+)\s*=\s*(?:"((?:[^"\\]|\\.)*)"|'((?:[^'\\]|\\.)*)'|([^\s;"']+))/

/** The options of the one module. @throws SECURITY_CONFIG */
export function jaasOptions(text: string): ReadonlyMap<string, string> {
  const module = MODULE.exec(text)?.[0]
  if (module === undefined) throw invalid('it does not begin with a module and its flag')
  const options = new Map<string, string>()
  let rest = text.slice(module.length)
  for (let found = OPTION.exec(rest); found !== null; found = OPTION.exec(rest)) {
    const [all, name, double, single, bare] = found
    options.set(name!, bare ?? (double ?? single ?? '').replace(/\\(.)/g, '$1'))
    rest = rest.slice(all.length)
  }
  if (!/^\s*;\s*$/.test(rest)) throw invalid('after its options it does not end with a semicolon')
  return options
}

/** Users of PLAIN and their passwords: every option `user_<name>`. @throws SECURITY_CONFIG */
export function jaasUsers(text: string): ReadonlyMap<string, string> {
  const prefix = 'user_'
  const options = [...jaasOptions(text)].filter(([name]) => name.startsWith(prefix))
  return new Map(options.map(([name, password]) => [name.slice(prefix.length), password]))
}

function invalid(problem: string): Error {
  return logError('SECURITY_CONFIG', { name: 'sasl.jaas.config', problem })
}
