/** AlterConfigs 0 to 2 and IncrementalAlterConfigs 0 to 1. A change of the broker's own configurations takes effect before it is answered. */
import { ERROR_CODE } from '../../../protocol/index.ts'
import {
  brokerConfigDefinition,
  brokerConfigProblem,
  groupConfigProblem,
  groupConfigDefinition,
  groupConfigSynonyms,
  isGroupConfigName,
  isTopicConfigName,
  topicConfigDefinition,
  topicConfigProblem,
  topicConfigText,
  type BrokerConfig,
  type ConfigDefinition,
  type ConfigTexts,
} from '../../config/index.ts'
import { errorCodeOf } from '../../error-code-of.ts'
import { countsOf } from '../distinct.ts'
import type { ApiHandler, RequestContext } from '../../handler.ts'
import { ALL_BROKERS } from '../../metadata/cluster.ts'
import { changeConfigs, isProblem, replaceConfigs, type ConfigChange } from './config-changes.ts'
import { invalid, resourceProblem, RESOURCE_TYPE, type ConfigResource, type ResourceProblem } from './config-resource.ts'

interface Result extends ConfigResource {
  readonly errorCode: number
  readonly errorMessage: string | null
}

/** What a resource's configurations are to be, of what they are; or what is wrong. */
type Decide = (before: ConfigTexts) => ConfigTexts | ResourceProblem

export const alterConfigs: ApiHandler<'AlterConfigs'> = {
  name: 'AlterConfigs',
  async handle({ resources, validateOnly }, context) {
    return {
      throttleTimeMs: 0,
      responses: await alterAll(
        resources,
        ({ configs }) =>
          () =>
            replaceConfigs(configs),
        validateOnly,
        context,
      ),
    }
  },
}

export const incrementalAlterConfigs: ApiHandler<'IncrementalAlterConfigs'> = {
  name: 'IncrementalAlterConfigs',
  async handle({ resources, validateOnly }, context) {
    const decide =
      (wanted: ConfigResource & { readonly configs: readonly ConfigChange[] }): Decide =>
      (before) =>
        changeConfigs(before, wanted.configs, definitions(wanted), (name) => currentText(wanted, name, context.broker.config))
    return { throttleTimeMs: 0, responses: await alterAll(resources, decide, validateOnly, context) }
  },
}

async function alterAll<R extends ConfigResource>(
  resources: readonly R[],
  decide: (wanted: R) => Decide,
  validateOnly: boolean,
  context: RequestContext,
): Promise<Result[]> {
  const keyOf = ({ resourceType, resourceName }: ConfigResource): string => `${resourceType} ${resourceName}`
  const counts = countsOf(resources, keyOf)
  const results: Result[] = []
  for (const wanted of resources) {
    const { resourceType, resourceName } = wanted
    const isRepeated = counts.get(keyOf(wanted))! > 1
    const problem = isRepeated
      ? invalid('Each resource must appear at most once.')
      : (resourceProblem(wanted, 'AlterConfigs', context) ?? (await alter(wanted, decide(wanted), validateOnly, context)))
    results.push({ errorCode: ERROR_CODE.NONE, errorMessage: null, ...problem, resourceType, resourceName })
  }
  return results
}

async function alter(
  resource: ConfigResource,
  decide: Decide,
  validateOnly: boolean,
  { broker }: RequestContext,
): Promise<ResourceProblem | undefined> {
  let problem: ResourceProblem | undefined
  const decideValidated = (before: ConfigTexts): ConfigTexts | undefined => {
    const after = decide(before)
    problem = isProblem(after) ? after : problemOf(resource, before, after, broker.config)
    return validateOnly || problem !== undefined || isProblem(after) ? undefined : after
  }
  const { controller, configs } = broker.cluster
  const { resourceType, resourceName } = resource
  try {
    switch (resourceType) {
      case RESOURCE_TYPE.topic:
        if (await controller.alterConfigs(resourceName, decideValidated)) return problem
        return { errorCode: ERROR_CODE.UNKNOWN_TOPIC_OR_PARTITION, errorMessage: `The topic '${resourceName}' does not exist.` }
      case RESOURCE_TYPE.broker:
        await configs.alter('brokers', resourceName === '' ? ALL_BROKERS : resourceName, decideValidated)
        return problem
      case RESOURCE_TYPE.group:
        await configs.alter('groups', resourceName, decideValidated)
        return problem
      default:
        return invalid('The loggers of this broker cannot be set')
    }
  } catch (error) {
    return { errorCode: errorCodeOf(error), errorMessage: 'The configurations could not be stored' }
  }
}

function problemOf(resource: ConfigResource, before: ConfigTexts, after: ConfigTexts, config: BrokerConfig): ResourceProblem | undefined {
  if (resource.resourceType === RESOURCE_TYPE.broker) return brokerProblem(before, after, resource.resourceName === '')
  const errorMessage = resource.resourceType === RESOURCE_TYPE.topic ? topicConfigProblem(after, config) : groupConfigProblem(after, config)
  return errorMessage === undefined ? undefined : { errorCode: ERROR_CODE.INVALID_CONFIG, errorMessage }
}

function brokerProblem(before: ConfigTexts, after: ConfigTexts, isForAll: boolean): ResourceProblem | undefined {
  for (const [name, text] of Object.entries(after)) {
    if (before[name] === text) continue
    const problem = brokerConfigProblem(name, text)
    if (problem !== undefined) {
      return { errorCode: ERROR_CODE.INVALID_CONFIG, errorMessage: `Invalid configuration ${name}: ${problem.problem}` }
    }
    const scope = brokerConfigDefinition(name)?.scope ?? 'read-only'
    if (scope === 'read-only') return invalid(`Cannot update these configs dynamically: Set(${name})`)
    if (scope === 'per-broker' && isForAll) {
      return invalid(`Cannot update these configs at default cluster level, broker id must be specified: Set(${name})`)
    }
  }
  return undefined
}

function definitions({ resourceType }: ConfigResource): (name: string) => ConfigDefinition | undefined {
  return (name) => {
    if (resourceType === RESOURCE_TYPE.broker) return brokerConfigDefinition(name)
    if (resourceType === RESOURCE_TYPE.group) return isGroupConfigName(name) ? groupConfigDefinition(name) : undefined
    return isTopicConfigName(name) ? topicConfigDefinition(name) : undefined
  }
}

/** What holds for a list while it is not set. */
function currentText({ resourceType }: ConfigResource, name: string, config: BrokerConfig): string {
  if (resourceType === RESOURCE_TYPE.topic) return isTopicConfigName(name) ? topicConfigText({}, config, name) : ''
  if (resourceType === RESOURCE_TYPE.group) return isGroupConfigName(name) ? (groupConfigSynonyms({}, config, name)[0]?.value ?? '') : ''
  return config.synonyms(name)[0]?.value ?? ''
}
