package chinook

import "strings"

// place is a city with what belongs to addresses in it. In a postal code and a phone number, # stands for a
// digit and ? for a capital letter.
type place struct {
	city, state, country string // state "": the country's addresses have none
	postal               string // "": they have no postal code
	street               string // %d is the house number
	phone                string
}

var places = []place{
	{"Calgary", "AB", "Canada", "T#? #?#", "%d Prairie Ave SW", "+1 (403) 555-01##"},
	{"Montréal", "QC", "Canada", "H#? #?#", "%d rue des Érables", "+1 (514) 555-01##"},
	{"Halifax", "NS", "Canada", "B#? #?#", "%d Harbour Street", "+1 (902) 555-01##"},
	{"Portland", "OR", "USA", "972##", "%d Cedar Street", "+1 (503) 555-01##"},
	{"Chicago", "IL", "USA", "606##", "%d Lakeshore Drive", "+1 (312) 555-01##"},
	{"Austin", "TX", "USA", "787##", "%d Pecan Boulevard", "+1 (512) 555-01##"},
	{"Boston", "MA", "USA", "021##", "%d Beacon Lane", "+1 (617) 555-01##"},
	{"São Paulo", "SP", "Brazil", "0####-###", "Rua das Acácias, %d", "+55 (11) 5550-01##"},
	{"Brasília", "DF", "Brazil", "7####-###", "Quadra Norte, %d", "+55 (61) 5550-01##"},
	{"Berlin", "", "Germany", "10###", "Lindenstraße %d", "+49 030 5550##"},
	{"München", "", "Germany", "80###", "Grünwalder Weg %d", "+49 089 5550##"},
	{"Lyon", "", "France", "6900#", "%d, Quai des Peupliers", "+33 04 55 50 ## ##"},
	{"Bordeaux", "", "France", "330##", "%d, Allée du Château", "+33 05 55 50 ## ##"},
	{"Leeds", "", "United Kingdom", "LS# #??", "%d Mill Lane", "+44 0113 496 0###"},
	{"Praha", "", "Czech Republic", "1##00", "Růžová %d", "+420 2 5550 ####"},
	{"Kraków", "", "Poland", "3#-###", "Ulica Różana %d", "+48 12 555 ## ##"},
	{"København", "", "Denmark", "2###", "Ærøgade %d", "+45 55 50 ## ##"},
	{"Göteborg", "", "Sweden", "41###", "Björkgatan %d", "+46 031-555 ## ##"},
	{"Helsinki", "", "Finland", "00###", "Mäntytie %d", "+358 09 555 ####"},
	{"Bruxelles", "", "Belgium", "1###", "Rue du Tilleul %d", "+32 02 555 ## ##"},
	{"Wien", "", "Austria", "1##0", "Kirschgasse %d", "+43 01 555####"},
	{"Roma", "RM", "Italy", "001##", "Via degli Ulivi, %d", "+39 06 5550 ####"},
	{"Rotterdam", "ZH", "Netherlands", "30## ??", "Kastanjelaan %d", "+31 010 555####"},
	{"Dublin", "Dublin", "Ireland", "", "%d Quay Street", "+353 01 555 ####"},
	{"Lisboa", "", "Portugal", "", "Rua do Limoeiro %d", "+351 (21) 555-####"},
	{"Santiago", "", "Chile", "", "Avenida Los Álamos %d", "+56 (2) 5550 ####"},
	{"Bengaluru", "", "India", "5600##", "%d Mango Grove Road", "+91 080 5550####"},
	{"Sydney", "NSW", "Australia", "20##", "%d Banksia Street", "+61 (02) 5550 ####"},
}

var (
	firstNames = []string{
		"Ada", "Anaïs", "André", "Aoife", "Beatriz", "Björn", "Carla", "Chloé", "Daniel", "Dagný", "Elif", "Emil",
		"Fatima", "Felix", "Grace", "Håkon", "Ingrid", "Ivo", "Jana", "João", "Karin", "Łukasz", "Lucía", "Marek",
		"Mila", "Nadia", "Noël", "Olga", "Oscar", "Priya", "Quentin", "Rosa", "Søren", "Stella", "Tomáš", "Uma",
		"Vera", "Walter", "Yusuf", "Zoë",
	}
	lastNames = []string{
		"Almeida", "Andersson", "Baker", "Bělohlávek", "Brennan", "Castañeda", "Dubois", "D'Angelo", "Eriksen",
		"Fischer", "García", "Grünwald", "Hughes", "Ivanova", "Jørgensen", "Kowalska", "Lefèvre", "Lindqvist",
		"Magalhães", "Marchetti", "Mäkinen", "Nakamura", "Novák", "O'Sullivan", "Okafor", "Peeters", "Quiroga",
		"Ramanathan", "Rossi", "Schäfer", "Silva", "Sørensen", "Tremaine", "Ümit", "van Dijk", "Wagner", "Whitaker",
		"Yıldız", "Zając", "Zimmermann",
	}
	companies = []string{
		"Northwind Audio", "Bluebird Cafés Ltd.", "Étoile Radio", "Hafen & Söhne GmbH", "Copper Kettle Foods",
		"Papelaria Aurora S.A.", "Lighthouse Books", "Fjord Shipping A/S", "Greenfield Schools", "Studio Dvořák",
	}
	mailDomains = []string{"example.com", "example.org", "example.net", "mail.example.com", "post.example.org"}

	adjectives = []string{
		"Amber", "Broken", "Crimson", "Distant", "Electric", "Faded", "Gentle", "Hollow", "Infinite", "Jagged",
		"Kinetic", "Lonesome", "Midnight", "Nameless", "Orphan", "Paper", "Quiet", "Restless", "Silver", "Tangled",
		"Unspoken", "Velvet", "Wandering", "Yellow",
	}
	nouns = []string{
		"Anchor", "Bridge", "Comet", "Dancer", "Echo", "Furnace", "Garden", "Harbour", "Island", "Junction",
		"Kite", "Lantern", "Mirror", "Nightingale", "Orchard", "Pilot", "Quarry", "River", "Shadow", "Thunder",
		"Umbrella", "Valley", "Window", "Zeppelin",
	}
	worldNames = []string{
		"Água de Março Trio", "Søster Måne", "Café Ünder", "Los Niños del Río", "Žižkov Brass", "Ночной Поезд",
		"夜行列車", "Θάλασσα", "Mötley Ænsemble", "Les Écureuils", "Grupo Coração", "Świt i Mgła", "서울 블루스", "Tango & Ç",
	}
	verbs    = []string{"Burning", "Chasing", "Dreaming of", "Finding", "Leaving", "Losing", "Painting", "Waiting for"}
	suffixes = []string{"(Live)", "(Demo)", "(Acoustic)", "[Bonus Track]", "- Remastered", "Pt. 2"}

	genres = []string{
		"Rock", "Jazz", "Metal", "Indie & Punk", "Vintage Rock", "Blues", "Latin", "Reggae", "Pop", "Soundtrack",
		"Bossa Nova", "Easy Listening", "Heavy Rock", "R&B/Soul", "Electronic/Dance", "World", "Hip Hop/Rap",
		"Science Fiction", "TV Series", "Fantasy & Sci-Fi", "Drama", "Comedy", "Alternative", "Classical", "Opera",
	}
	mediaTypes    = []string{"MP3 audio file", "Protected AAC audio file", "MPEG-4 video file", "AAC audio file", "FLAC audio file"}
	playlistNames = []string{
		"All Music", "Films", "TV Series", "Audiobooks", "90’s Music", "Audiobooks", "Films", "All Music", "Music Videos",
		"TV Series", "Música Brasileira", "Classical", "Classical: Rarities", "Classical: Next Steps",
		"Classical: First Steps", "Grunge", "Heavy Classics", "On the Road 1",
	}
)

var asciiLetters = strings.NewReplacer(
	"á", "a", "ã", "a", "ä", "ae", "å", "a", "ą", "a", "æ", "ae", "ç", "c", "é", "e", "è", "e", "ê", "e", "ë", "e", "ě", "e",
	"í", "i", "ï", "i", "ı", "i", "ł", "l", "ñ", "n", "ó", "o", "õ", "o", "ö", "oe", "ø", "o", "š", "s", "ü", "ue", "ý", "y",
	"ż", "z", "ź", "z", "ć", "c", "č", "c", "ř", "r", "ů", "u", "ś", "s", "ę", "e", "ń", "n", "ú", "u", "'", "", " ", "",
	"Ł", "l", "Ü", "ue", "Ž", "z", "Å", "a",
)

// mailName is a name's spelling in the left part of a mail address: plain lower-case letters.
func mailName(name string) string {
	return strings.ToLower(asciiLetters.Replace(name))
}
