/** ApiVersions 0 to 4: what is served, and nothing else. A version above is answered by the dispatcher. */
import { ERROR_CODE } from '../../protocol/index.ts'
import type { ApiHandler } from '../handler.ts'

export const apiVersions: ApiHandler<'ApiVersions'> = {
  name: 'ApiVersions',
  handle(request, { broker, version }) {
    const { clientSoftwareName, clientSoftwareVersion } = request
    const isNamed = /^[a-zA-Z0-9](?:[a-zA-Z0-9\-.]*[a-zA-Z0-9])?$/
    if (version >= 3 && !(isNamed.test(clientSoftwareName) && isNamed.test(clientSoftwareVersion))) {
      return { errorCode: ERROR_CODE.INVALID_REQUEST, apiKeys: [] }
    }
    const apiKeys = broker.servedApis.map(({ key, minVersion, maxVersion }) => ({ apiKey: key, minVersion, maxVersion }))
    return { errorCode: ERROR_CODE.NONE, apiKeys }
  },
}
