/** What changes make of configurations: pure. */
import { ERROR_CODE } from '../../../protocol/index.ts'
import type { ConfigDefinition, ConfigTexts } from '../../config/index.ts'
import { invalid, type ResourceProblem } from './config-resource.ts'

/** As IncrementalAlterConfigs numbers them. */
const OPERATION = { set: 0, delete: 1, append: 2, subtract: 3 } as const

export interface ConfigChange {
  readonly name: string
  readonly configOperation: number
  readonly value: string | null
}

/** All that is set, in the place of what was: AlterConfigs. */
export function replaceConfigs(
  configs: readonly { readonly name: string; readonly value: string | null }[],
): ConfigTexts | ResourceProblem {
  const problem = repeatedName(configs)
  if (problem !== undefined) return problem
  const unset = configs.find(({ value }) => value === null)
  if (unset !== undefined) return invalid(`Null value not supported for : ${unset.name}`)
  return Object.fromEntries(configs.map(({ name, value }) => [name, value!]))
}

/** @param definitionOf of a name that is known @param textOf what holds for a list that is not set */
export function changeConfigs(
  before: ConfigTexts,
  changes: readonly ConfigChange[],
  definitionOf: (name: string) => ConfigDefinition | undefined,
  textOf: (name: string) => string,
): ConfigTexts | ResourceProblem {
  const problem = repeatedName(changes)
  if (problem !== undefined) return problem
  const after = new Map(Object.entries(before))
  for (const { name, configOperation, value } of changes) {
    if (configOperation === OPERATION.delete) {
      after.delete(name)
      continue
    }
    if (value === null) return invalid(`Null value not supported for : ${name}`)
    if (configOperation === OPERATION.set) {
      after.set(name, value)
      continue
    }
    if (configOperation !== OPERATION.append && configOperation !== OPERATION.subtract)
      return invalid(`Unknown operation type ${configOperation}`)
    const isAppend = configOperation === OPERATION.append
    if (definitionOf(name)?.type !== 'list') {
      const verb = isAppend ? 'append to' : 'subtract from'
      return { errorCode: ERROR_CODE.INVALID_CONFIG, errorMessage: `Can't ${verb} key ${name} because its type is not LIST.` }
    }
    after.set(name, changedList(after.get(name) ?? textOf(name), value, isAppend))
  }
  return Object.fromEntries(after)
}

function changedList(before: string, value: string, isAppend: boolean): string {
  const [parts, changed] = [partsOf(before), partsOf(value)]
  const kept = isAppend ? [...parts, ...changed.filter((part) => !parts.includes(part))] : parts.filter((part) => !changed.includes(part))
  return kept.join(',')
}

function partsOf(text: string): string[] {
  return text
    .split(',')
    .map((part) => part.trim())
    .filter((part) => part !== '')
}

function repeatedName(configs: readonly { readonly name: string }[]): ResourceProblem | undefined {
  const names = new Set<string>()
  for (const { name } of configs) {
    if (names.has(name)) return invalid('Error due to duplicate config keys')
    names.add(name)
  }
  return undefined
}

export function isProblem(value: ConfigTexts | ResourceProblem): value is ResourceProblem {
  return typeof value['errorCode'] === 'number'
}
