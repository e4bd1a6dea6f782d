package demo

import "strings"

var given = strings.Fields(`
Adam Agnes Ahmed Aisha Alba Alejandro Alice Amara Amir Ana Anders Andrea Anika Anton Arjun Astrid Aylin Beatriz Ben
Birgit Bruno Camille Carlos Chiara Chloé Daan Dalia David Diego Dmitri Eleni Elif Emil Emma Erik Esther Eva Fatima
Felix Filip Finn Freya Gabriel Giulia Grace Hana Hannah Hugo Ibrahim Ines Ingrid Isaac Ivan Jana Jakob Jonas José Julia
Kaito Karim Katarzyna Kenji Klara Lars Laura Leila Lena Leo Liam Linh Lucas Lucía Magnus Maja Malik Marco Maria
Marta Mateo Maya Mei Mia Mikael Milan Mina Nadia Nikola Nina Noah Nora Oliver Olga Omar Oscar Paolo Paula Pedro Petra
Priya Quentin Rafael Ravi Rosa Ruth Samir Sara Sven Sofia Søren Tariq Teresa Theo Thomas Tomasz Uma Valentina Vera
Viktor Wanda Wei Yara Yuki Yusuf Zoe Zuzana`)

var family = strings.Fields(`
Abbas Acosta Almeida Andersen Bakker Banerjee Barros Bauer Becker Bianchi Bjørn Blanc Brandt Brennan Carvalho Castillo
Chen Costa Cruz Das Delgado Demir Diallo Dubois Duarte Eriksen Esposito Farah Fernandes Ferrari Fischer Flores Fontaine
Fujita Garcia Gomes Gruber Gupta Haddad Hansen Hassan Hoffmann Horvat Hughes Ito Ivanova Jansen Jensen Johansson Kang
Kaplan Kaur Keller Khan Kim Kowalski Kraus Kumar Lambert Larsen Laurent Lefèvre Lehmann Lindqvist Lopes Lukić Marino
Martín Mehta Meyer Molina Moreau Müller Murphy Nagy Nakamura Navarro Nguyen Nielsen Novak Nowak Okafor Oliveira Olsen
Osei Park Patel Pavlov Peeters Pereira Petrov Popescu Quinn Rahman Ramos Reyes Ricci Rossi Ruiz Sato Schmidt Schneider
Sharma Silva Singh Sørensen Suzuki Tanaka Torres Tran Ueda Varga Vargas Vogel Wagner Walsh Weber Wójcik Yamamoto Yılmaz
Zhang Zimmermann`)

var departments = []string{"Marketing", "Sales", "Engineering", "Support", "Finance", "People", "Legal", "Operations"}
