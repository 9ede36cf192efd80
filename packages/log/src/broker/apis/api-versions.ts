/** ApiVersions 0 to 4: what is served, and nothing else. A version above is answered by the dispatcher. */
import { ERROR_CODE } from '../../protocol/index.ts'
import { FEATURES, FEATURES_EPOCH } from '../features.ts'
import type { ApiHandler } from '../handler.ts'

/** Clients of older versions take a feature that begins at 0 for a mistake (KIP-1022). */
const FEATURES_FROM_0_SINCE_VERSION = 4

export const apiVersions: ApiHandler<'ApiVersions'> = {
  name: 'ApiVersions',
  handle(request, { broker, version }) {
    const { clientSoftwareName, clientSoftwareVersion } = request
    const isNamed = /^[a-zA-Z0-9](?:[a-zA-Z0-9\-.]*[a-zA-Z0-9])?$/
    if (version >= 3 && !(isNamed.test(clientSoftwareName) && isNamed.test(clientSoftwareVersion))) {
      return { errorCode: ERROR_CODE.INVALID_REQUEST, apiKeys: [] }
    }
    const apiKeys = broker.servedApis.map(({ key, minVersion, maxVersion }) => ({ apiKey: key, minVersion, maxVersion }))
    return {
      errorCode: ERROR_CODE.NONE,
      apiKeys,
      supportedFeatures:
        version >= FEATURES_FROM_0_SINCE_VERSION ? FEATURES.map(({ name, level }) => ({ name, minVersion: 0, maxVersion: level })) : [],
      finalizedFeaturesEpoch: FEATURES_EPOCH,
      finalizedFeatures: FEATURES.map(({ name, level }) => ({ name, maxVersionLevel: level, minVersionLevel: level })),
    }
  },
}
