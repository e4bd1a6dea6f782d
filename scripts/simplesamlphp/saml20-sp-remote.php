<?php
// Service providers are read from their own metadata: sp/NAME.xml is what
// /saml/SOURCE/metadata serves, sp/NAME.json what is set beside it.
foreach (glob(dirname(__DIR__) . '/sp/*.xml') as $file) {
    foreach (SimpleSAML\Metadata\SAMLParser::parseDescriptorsFile($file) as $id => $descriptor) {
        $beside = substr($file, 0, -4) . '.json';
        $metadata[$id] = (is_file($beside) ? json_decode(file_get_contents($beside), true) : []) + $descriptor->getMetadata20SP();
    }
}
