/** DescribeConfigs 1 to 4: topics, brokers, groups. The broker has no loggers that can be set. */
import { ERROR_CODE, type ApiRequest, type ApiResponseToSend } from '../../../protocol/index.ts'
import type { ApiHandler, RequestContext } from '../../handler.ts'
import { distinct } from '../distinct.ts'
import { resourceProblem, RESOURCE_TYPE, type ConfigResource } from './config-resource.ts'
import { describeAllBrokers, describeBroker, describeGroup, describeTopic, type DescribedConfig } from './described-config.ts'

type Request = ApiRequest<'DescribeConfigs'>
type Wanted = Request['resources'][number]
type Result = ApiResponseToSend<'DescribeConfigs'>['results'][number]

export const describeConfigs: ApiHandler<'DescribeConfigs'> = {
  name: 'DescribeConfigs',
  handle(request, context) {
    return {
      throttleTimeMs: 0,
      results: distinct(request.resources, (wanted) => JSON.stringify(wanted)).map((wanted) => describe(wanted, request, context)),
    }
  },
}

function describe(wanted: Wanted, request: Request, context: RequestContext): Result {
  const { resourceType, resourceName, configurationKeys } = wanted
  const problem = resourceProblem(wanted, 'DescribeConfigs', context)
  if (problem !== undefined) return { ...problem, resourceType, resourceName, configs: [] }
  const isWanted = ({ name }: DescribedConfig): boolean =>
    configurationKeys === null || configurationKeys.length === 0 || configurationKeys.includes(name)
  const configs = configsOf(wanted, context)
    .filter(isWanted)
    .map((config) => trimmed(config, request))
  return { errorCode: ERROR_CODE.NONE, errorMessage: null, resourceType, resourceName, configs }
}

function trimmed(config: DescribedConfig, { includeSynonyms, includeDocumentation }: Request): DescribedConfig {
  return { ...config, synonyms: includeSynonyms ? config.synonyms : [], documentation: includeDocumentation ? config.documentation : null }
}

function configsOf({ resourceType, resourceName }: ConfigResource, { broker }: RequestContext): DescribedConfig[] {
  const { config, cluster } = broker
  switch (resourceType) {
    case RESOURCE_TYPE.topic:
      return describeTopic(cluster.configs.get('topics', resourceName), config)
    case RESOURCE_TYPE.broker:
      return resourceName === '' ? describeAllBrokers(config) : describeBroker(config)
    case RESOURCE_TYPE.group:
      return describeGroup(cluster.configs.get('groups', resourceName), config)
    default:
      return []
  }
}
