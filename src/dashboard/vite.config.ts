import { fileURLToPath, URL } from 'node:url'
import { defineConfig } from 'vite'
import { serviceWorker } from './service-worker/build.js'

export default defineConfig({
  root: fileURLToPath(new URL('.', import.meta.url)),
  base: '/',
  plugins: [serviceWorker()],
  // The server's content security policy allows no inline script or style, and data: URLs for images only.
  build: {
    outDir: fileURLToPath(new URL('../../dist/dashboard', import.meta.url)),
    emptyOutDir: true,
    target: 'es2022',
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    reportCompressedSize: false,
  },
  server: { proxy: { '/v1': { target: 'http://localhost:8080', ws: true } } },
})
