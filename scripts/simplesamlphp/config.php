<?php
// SimpleSAMLphp as the tests run it: plain http on loopback, all state in the
// folder above this file. Everything that the package's own file would say in
// another way on a real server is marked.
$folder = dirname(__DIR__);
$config = [
    'baseurlpath' => 'http://127.0.0.1:' . getenv('GRANTBRIDGE_SIMPLESAMLPHP_PORT') . '/simplesaml/',
    'certdir' => "$folder/cert/",
    'loggingdir' => "$folder/log/",
    'datadir' => "$folder/data/",
    'tempdir' => "$folder/tmp",
    'metadatadir' => "$folder/metadata/",
    'attributenamemapdir' => '/etc/simplesamlphp/attributemap/',
    'timezone' => 'UTC',
    'secretsalt' => 'only-for-tests-on-loopback',
    'auth.adminpassword' => 'only-for-tests-on-loopback',
    'enable.saml20-idp' => true,
    'module.enable' => ['exampleauth' => true, 'core' => true, 'saml' => true],
    'metadata.sources' => [['type' => 'flatfile']],
    'logging.handler' => 'file',
    'logging.level' => SimpleSAML\Logger::INFO,
    'store.type' => 'phpsession',
    'session.phpsession.savepath' => "$folder/sessions",
    'session.cookie.secure' => false,    // a real server has https, and true here
    'session.cookie.samesite' => null,   // and 'None' here
    'language.cookie.secure' => false,   // and true here
    'language.cookie.samesite' => null,  // and 'None' here
];
