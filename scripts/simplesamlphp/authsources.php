<?php
// People of the tests, each with the password "secret" and the groups named.
$person = fn (string $uid, array $groups) => [
    'uid' => [$uid], 'mail' => ["$uid@example.com"], 'displayName' => [ucwords(strtr($uid, '.', ' '))], 'groups' => $groups,
];
$config = [
    'people' => [
        'exampleauth:UserPass',
        'clara.moreau:secret' => $person('clara.moreau', ['Marketing', 'Sales', 'Web editors']),
        'many.groups:secret' => $person('many.groups', array_map(fn ($i) => "Group $i", range(1, 100))),
        'no.groups:secret' => $person('no.groups', []),
    ],
];
